-- Prices with the months of their billing period and the name of their product.
SELECT p.id AS price, coalesce(f.name, p.nickname, p.product_id) AS plan, upper(p.currency) AS currency,
       coalesce(nullif(p.recurring_usage_type, ''), 'licensed') = 'metered' AS is_metered,
       CAST(coalesce(p.recurring_interval_count, '1') AS DOUBLE)
       * CASE p.recurring_interval WHEN 'year' THEN 12 WHEN 'month' THEN 1 WHEN 'week' THEN 12.0 / 52
                                   WHEN 'day' THEN 12.0 / 365 END AS months,
       CAST(coalesce(p.unit_amount_decimal, p.unit_amount) AS DOUBLE) AS unit,
       CAST(p.transform_quantity_divide_by AS DOUBLE) AS pack, p.transform_quantity_round AS rounded
FROM stripe_price AS p
LEFT JOIN stripe_product AS f ON f.id = p.product_id
