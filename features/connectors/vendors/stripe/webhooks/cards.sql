-- Cards on file: a row per state, so that a date of expiry that the bank renewed counts from when it was renewed.
WITH states AS (
    SELECT DISTINCT ON (id) type, CAST(created AS BIGINT) AS moment, data -> '$.object' AS o,
           coalesce(data ->> '$.object.customer', data ->> '$.previous_attributes.customer') AS customer
    FROM stripe_events
    WHERE type LIKE 'payment_method.%' AND livemode = 'true' AND (data ->> '$.object.card.exp_year') IS NOT NULL
),
cards AS (
    SELECT *, min(CASE WHEN type = 'payment_method.attached' THEN moment END) OVER card AS added,
           max(CASE WHEN type = 'payment_method.detached' THEN moment END) OVER card AS removed,
           max(customer) OVER card AS owner
    FROM states WINDOW card AS (PARTITION BY o ->> '$.id')
)
SELECT w.account_id, o ->> '$.id' AS card_id,
       make_timestamp(1000000 * coalesce(added, CAST(o ->> '$.created' AS BIGINT))) AS added_at,
       make_timestamp(1000000 * moment) AS recorded_at,
       make_date(CAST(o ->> '$.card.exp_year' AS INTEGER), CAST(o ->> '$.card.exp_month' AS INTEGER), 1)
       + INTERVAL 1 MONTH AS expires_at,
       make_timestamp(1000000 * removed) AS removed_at
FROM cards
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = cards.owner
WHERE type <> 'payment_method.detached' OR added IS NULL
