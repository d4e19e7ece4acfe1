-- Charges that succeeded or failed, and what went back: refunds and disputed charges, with an amount below 0.
WITH
charges AS (
    SELECT DISTINCT ON (id) * FROM stripe_charge
    WHERE CAST(coalesce(livemode, 'true') AS BOOLEAN) AND NOT CAST(coalesce(_fivetran_deleted, 'false') AS BOOLEAN)
    ORDER BY id, _fivetran_synced DESC
),
moves AS (
    SELECT id, customer_id, created, currency, CAST(amount AS BIGINT) AS amount, status = 'succeeded' AS succeeded,
           'attempt' AS kind
    FROM charges WHERE status IN ('succeeded', 'failed')
    UNION ALL
    SELECT b.id, c.customer_id, b.created, b.currency, -CAST(b.amount AS BIGINT), true, b.kind
    FROM (SELECT * FROM stripe_refunds UNION ALL SELECT * FROM stripe_disputes) AS b JOIN charges AS c ON c.id = b.charge_id
)
SELECT w.account_id, p.id AS payment_id, CAST(p.created AS TIMESTAMPTZ) AS attempted_at, p.succeeded, p.kind,
       p.amount / coalesce(u.units, 100) AS amount, upper(p.currency) AS currency
FROM moves AS p
LEFT JOIN stripe_units AS u ON u.currency = upper(p.currency)
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = p.customer_id
