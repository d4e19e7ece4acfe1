-- Charges that succeeded or failed, and what went back: refunds and disputed charges, with an amount below 0.
WITH charges AS (SELECT id, o ->> '$.customer' AS customer FROM stripe_objects WHERE kind = 'charge')
SELECT w.account_id, p.id AS payment_id, make_timestamp(1000000 * CAST(o ->> '$.created' AS BIGINT)) AS attempted_at,
       p.kind <> 'charge' OR o ->> '$.status' = 'succeeded' AS succeeded,
       CASE p.kind WHEN 'refund' THEN 'refund' WHEN 'dispute' THEN 'chargeback' ELSE 'attempt' END AS kind,
       CAST(o ->> '$.amount' AS BIGINT) / p.units * CASE p.kind WHEN 'charge' THEN 1 ELSE -1 END AS amount, p.currency
FROM stripe_objects AS p
LEFT JOIN charges AS c ON c.id = o ->> '$.charge'
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = coalesce(c.customer, o ->> '$.customer')
WHERE p.kind = 'charge' AND o ->> '$.status' IN ('succeeded', 'failed')
   OR p.kind = 'refund' AND coalesce(o ->> '$.status', 'succeeded') IN ('succeeded', 'pending')
   OR p.kind = 'dispute'
