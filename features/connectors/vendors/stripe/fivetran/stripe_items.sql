-- What today's items of each subscription cost per month, without discounts: of use where no invoice was ever sent.
SELECT i.subscription_id, any_value(p.currency) AS currency, arg_max(p.plan, p.unit / p.months) AS plan,
       sum(CAST(i.quantity AS DOUBLE)) AS seats, greatest(1, round(max(p.months))) AS term_months,
       CASE WHEN count(*) = count(p.unit / p.months * CAST(i.quantity AS DOUBLE)) THEN round(sum(
           p.unit / p.months * CASE WHEN p.pack IS NULL THEN CAST(i.quantity AS DOUBLE)
                                    WHEN p.rounded = 'up' THEN ceil(CAST(i.quantity AS DOUBLE) / p.pack)
                                    ELSE floor(CAST(i.quantity AS DOUBLE) / p.pack) END
       ) / coalesce(any_value(u.units), 100), 6) END AS mrr
FROM stripe_subscription_item AS i
JOIN stripe_prices AS p ON p.price = coalesce(i.price_id, i.plan_id)
LEFT JOIN stripe_units AS u USING (currency)
WHERE NOT p.is_metered AND NOT CAST(coalesce(i._fivetran_deleted, 'false') AS BOOLEAN)
GROUP BY i.subscription_id
