SELECT user_id, account_id FROM product_users
