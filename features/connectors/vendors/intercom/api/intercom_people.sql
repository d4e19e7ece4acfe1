-- Contacts that are no leads: the user and the account of each. A contact of several companies is of none of them.
SELECT c.id AS contact, coalesce(nullif(c.external_id, ''), e.user_id) AS user_id,
       coalesce(o.account_id, p.account_id) AS account_id
FROM intercom_contacts AS c
LEFT JOIN people AS e ON e.email = lower(trim(c.email))
LEFT JOIN who_is_who AS o ON o.source = 'intercom company' AND o.entity = c.companies ->> '$.data[0].id'
                         AND json_array_length(c.companies, '$.data') = 1
LEFT JOIN who_is_who AS p ON p.source = 'intercom contact' AND p.entity = c.id
WHERE coalesce(c.role, 'user') <> 'lead'
