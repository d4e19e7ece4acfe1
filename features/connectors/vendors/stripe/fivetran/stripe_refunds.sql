-- Refunds that were not refused.
SELECT id, charge_id, created, currency, amount, 'refund' AS kind FROM stripe_refund
WHERE coalesce(status, 'succeeded') IN ('succeeded', 'pending')
