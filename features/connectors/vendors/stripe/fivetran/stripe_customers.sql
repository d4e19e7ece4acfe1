-- Customers in live mode.
SELECT DISTINCT ON (id) id AS customer, CAST(metadata AS JSON) ->> '$.{account_key}' AS account_key, email, name,
       CAST(created AS TIMESTAMPTZ) AS created_at
FROM stripe_customer
WHERE CAST(coalesce(livemode, 'true') AS BOOLEAN) AND NOT CAST(coalesce(is_deleted, 'false') AS BOOLEAN)
  AND NOT CAST(coalesce(_fivetran_deleted, 'false') AS BOOLEAN)
ORDER BY id, _fivetran_synced DESC
