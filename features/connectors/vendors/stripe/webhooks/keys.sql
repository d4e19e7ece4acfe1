SELECT account_key AS account_id, 'id' AS kind, account_key AS key FROM stripe_customers WHERE account_key IS NOT NULL
