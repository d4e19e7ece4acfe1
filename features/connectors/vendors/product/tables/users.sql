-- Who belongs to which account, and from when to when.
SELECT account_id, user_id, joined_at, left_at, role FROM product_users
