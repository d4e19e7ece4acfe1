SELECT 'intercom company' AS source, id AS entity, company_id AS key, NULL AS user_id,
       'x@' || regexp_extract(lower(website), '^(?:https?://)?(?:www\.)?([^/:?#]+)', 1) AS email
FROM intercom_companies
UNION ALL
SELECT 'intercom contact' AS source, id AS entity, NULL AS key, external_id AS user_id, email
FROM intercom_contacts WHERE coalesce(role, 'user') <> 'lead'
