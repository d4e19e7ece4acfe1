SELECT 'stripe' AS source, customer AS entity, account_key AS key, NULL AS user_id, email FROM stripe_customers
