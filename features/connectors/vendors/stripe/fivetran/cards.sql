-- Cards, those that were removed among them: when is not known. A date of expiry that the bank renewed would count since
-- the card was added: it is left out.
SELECT DISTINCT ON (c.id) w.account_id, c.id AS card_id, CAST(c.created AS TIMESTAMPTZ) AS added_at
FROM stripe_card AS c
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = c.customer_id
WHERE c.exp_year IS NOT NULL AND c.customer_id IS NOT NULL
