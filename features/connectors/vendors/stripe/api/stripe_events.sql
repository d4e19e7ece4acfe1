-- The objects of the API's lists, each as if its present state were its only event. Refunds do not state their mode.
SELECT o ->> '$.id' AS id, CASE o ->> '$.object'
           WHEN 'subscription' THEN 'customer.subscription.updated' WHEN 'customer' THEN 'customer.updated'
           WHEN 'product' THEN 'product.updated' WHEN 'payment_method' THEN 'payment_method.attached'
           ELSE (o ->> '$.object') || '.updated' END AS type,
       o ->> '$.created' AS created, coalesce(o ->> '$.livemode', 'true') AS livemode, json_object('object', o) AS data
FROM (SELECT unnest(from_json(data, '["JSON"]')) AS o FROM stripe_pages)
QUALIFY row_number() OVER (PARTITION BY o ->> '$.id') = 1
