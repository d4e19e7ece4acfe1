-- Today's cards. A date of expiry that the bank renewed would count since the card was added: it is left out.
SELECT w.account_id, o ->> '$.id' AS card_id, make_timestamp(1000000 * CAST(o ->> '$.created' AS BIGINT)) AS added_at
FROM (SELECT data -> '$.object' AS o FROM stripe_events WHERE type LIKE 'payment_method.%' AND livemode = 'true')
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = o ->> '$.customer'
WHERE (o ->> '$.card.exp_year') IS NOT NULL AND (o ->> '$.customer') IS NOT NULL
