-- Charges that a customer disputed.
SELECT id, charge_id, created, currency, amount, 'chargeback' AS kind FROM stripe_dispute
