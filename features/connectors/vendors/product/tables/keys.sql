SELECT account_id, 'domain' AS kind, split_part(email, '@', 2) AS key FROM product_users
UNION ALL
SELECT account_id, 'id', account_id FROM product_users
