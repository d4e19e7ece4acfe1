SELECT user_id, account_id, email FROM product_users
