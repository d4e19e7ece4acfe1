-- Customers in live mode, as their last event states them.
WITH last AS (
    SELECT DISTINCT ON (data ->> '$.object.id') data -> '$.object' AS o
    FROM stripe_events
    WHERE type LIKE 'customer.%' AND data ->> '$.object.object' = 'customer' AND livemode = 'true'
    ORDER BY data ->> '$.object.id', CAST(created AS BIGINT) DESC
)
SELECT o ->> '$.id' AS customer, o ->> '$.metadata.{account_key}' AS account_key, o ->> '$.email' AS email,
       o ->> '$.name' AS name, make_timestamp(CAST(o ->> '$.created' AS BIGINT) * 1000000) AS created_at
FROM last
