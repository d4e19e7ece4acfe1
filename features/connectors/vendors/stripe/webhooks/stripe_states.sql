-- Every state of every subscription in live mode: what it pays per month, and since when that was known.
-- MRR: licensed items, per month, less coupons that last for ever; without tax, metered items and other coupons.
WITH
events AS (  -- an event may be delivered twice
    SELECT DISTINCT ON (id) id, type, CAST(created AS BIGINT) AS moment, data -> '$.object' AS o
    FROM stripe_events
    WHERE type LIKE 'customer.subscription.%' AND livemode = 'true'
),
items AS (
    SELECT id, item ->> '$.quantity' AS quantity, coalesce(item -> '$.price', item -> '$.plan') AS price,
           CAST(item ->> '$.current_period_end' AS BIGINT) AS period_end
    FROM (SELECT id, unnest(from_json(o -> '$.items.data', '["JSON"]')) AS item FROM events)
),
priced AS (
    SELECT id, period_end, CAST(quantity AS DOUBLE) AS quantity,
           coalesce(price ->> '$.product', price ->> '$.id') AS product, price ->> '$.nickname' AS nickname,
           CAST(coalesce(price ->> '$.unit_amount_decimal', price ->> '$.unit_amount',
                         price ->> '$.amount_decimal', price ->> '$.amount') AS DOUBLE) AS unit,
           CAST(price ->> '$.transform_quantity.divide_by' AS DOUBLE) AS pack,
           price ->> '$.transform_quantity.round' AS rounded,
           CAST(coalesce(price ->> '$.recurring.interval_count', price ->> '$.interval_count', '1') AS DOUBLE)
           * CASE coalesce(price ->> '$.recurring.interval', price ->> '$.interval')
                  WHEN 'year' THEN 12 WHEN 'month' THEN 1 WHEN 'week' THEN 12.0 / 52 WHEN 'day' THEN 12.0 / 365 END
           AS months
    FROM items
    WHERE coalesce(price ->> '$.recurring.usage_type', price ->> '$.usage_type', 'licensed') = 'licensed'
),
lines AS (
    SELECT *, unit / months * CASE WHEN pack IS NULL THEN quantity WHEN rounded = 'up' THEN ceil(quantity / pack)
                                   ELSE floor(quantity / pack) END AS monthly
    FROM priced
),
sums AS (  -- one price without an amount, such as one in tiers: the MRR is not known
    SELECT id, CASE WHEN count(*) = count(monthly) THEN sum(monthly) END AS gross, sum(quantity) AS seats,
           greatest(1, round(max(months))) AS term_months, max(period_end) AS period_end,
           arg_max(product, coalesce(monthly, 0)) AS product, arg_max(nickname, coalesce(monthly, 0)) AS nickname
    FROM lines GROUP BY id
),
named_discounts AS (  -- since 2025 a subscription holds the ids of its discounts, and their events the coupons
    SELECT data ->> '$.object.id' AS discount,
           any_value(coalesce(data -> '$.object.coupon', data -> '$.object.source.coupon')) AS coupon
    FROM stripe_events WHERE type LIKE 'customer.discount.%' GROUP BY ALL
),
discounts AS (
    SELECT e.id, CASE WHEN d.entry ->> '$' LIKE 'di_%' THEN n.coupon
                      ELSE coalesce(d.entry -> '$.coupon', d.entry -> '$.source.coupon') END AS coupon
    FROM (
        SELECT id, unnest(list_concat(from_json(coalesce(o -> '$.discounts', '[]'), '["JSON"]'),
                                      CASE WHEN (o ->> '$.discount.id') IS NULL THEN [] ELSE [o -> '$.discount'] END))
               AS entry
        FROM events
    ) AS d
    JOIN events AS e USING (id)
    LEFT JOIN named_discounts AS n ON n.discount = d.entry ->> '$'
),
lasting AS (
    SELECT id, product(1 - coalesce(CAST(coupon ->> '$.percent_off' AS DOUBLE), 0) / 100) AS kept,
           sum(coalesce(CAST(coupon ->> '$.amount_off' AS DOUBLE), 0)) AS amount_off
    FROM discounts WHERE coupon ->> '$.duration' = 'forever' GROUP BY id
),
products AS (
    SELECT data ->> '$.object.id' AS product, arg_max(data ->> '$.object.name', coalesce(CAST(created AS BIGINT), 0)) AS name
    FROM stripe_events WHERE type LIKE 'product.%' GROUP BY ALL
)
SELECT e.o ->> '$.id' AS subscription_id, e.o ->> '$.customer' AS customer, e.moment, e.type,
       e.o ->> '$.status' AS status, upper(e.o ->> '$.currency') AS currency, s.term_months,
       s.seats, coalesce(p.name, s.nickname, s.product) AS plan,
       s.gross / u.units AS gross,
       CASE WHEN s.gross IS NOT NULL  -- greatest() leaves nulls out
            THEN greatest(0, s.gross * coalesce(l.kept, 1) - coalesce(l.amount_off, 0) / s.term_months) / u.units END
       AS mrr,
       e.o ->> '$.status' IN ('active', 'past_due')
       AND coalesce(e.o ->> '$.pause_collection.behavior', '') NOT IN ('void', 'mark_uncollectible') AS pays,
       coalesce(e.o ->> '$.pause_collection.behavior', '') IN ('void', 'mark_uncollectible')
       OR e.o ->> '$.status' = 'paused' AS is_paused,
       coalesce(s.period_end, CAST(e.o ->> '$.current_period_end' AS BIGINT)) AS period_end,
       CAST(e.o ->> '$.start_date' AS BIGINT) AS start_date, CAST(e.o ->> '$.trial_end' AS BIGINT) AS trial_end,
       CAST(coalesce(e.o ->> '$.ended_at', e.o ->> '$.canceled_at') AS BIGINT) AS ended_at,
       e.o ->> '$.cancellation_details.reason' AS reason,
       coalesce(CAST(e.o ->> '$.cancel_at' AS BIGINT),
                CASE WHEN e.o ->> '$.cancel_at_period_end' = 'true'
                     THEN coalesce(s.period_end, CAST(e.o ->> '$.current_period_end' AS BIGINT)) END) AS ends_on
FROM events AS e
LEFT JOIN sums AS s USING (id)
LEFT JOIN lasting AS l USING (id)
LEFT JOIN products AS p USING (product)
CROSS JOIN LATERAL (SELECT CASE
    WHEN upper(e.o ->> '$.currency') IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX',
                                         'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
    WHEN upper(e.o ->> '$.currency') IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100 END AS units) AS u
