-- One account per id that customers name in their metadata.
SELECT account_key AS account_id, min(created_at) AS created_at, min(name) AS name
FROM stripe_customers WHERE account_key IS NOT NULL GROUP BY account_key
