SELECT account_id, merged_into, merged_at FROM product_merges
