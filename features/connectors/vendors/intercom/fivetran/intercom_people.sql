-- Contacts that are no leads: the user and the account of each. A contact of several companies is of none of them.
WITH
contacts AS (
    SELECT DISTINCT ON (id) id, nullif(external_id, '') AS external_id, lower(trim(email)) AS email, role
    FROM intercom_contact_history WHERE CAST(_fivetran_active AS BOOLEAN) ORDER BY id, updated_at DESC
),
companies AS (
    SELECT contact_id, min(company_id) AS company_id
    FROM intercom_contact_company_history WHERE CAST(_fivetran_active AS BOOLEAN)
    GROUP BY contact_id HAVING count(DISTINCT company_id) = 1
)
SELECT c.id AS contact, coalesce(c.external_id, e.user_id) AS user_id, coalesce(o.account_id, p.account_id) AS account_id
FROM contacts AS c
LEFT JOIN companies AS m ON m.contact_id = c.id
LEFT JOIN people AS e ON e.email = c.email
LEFT JOIN who_is_who AS o ON o.source = 'intercom company' AND o.entity = m.company_id
LEFT JOIN who_is_who AS p ON p.source = 'intercom contact' AND p.entity = c.id
WHERE coalesce(c.role, 'user') <> 'lead'
