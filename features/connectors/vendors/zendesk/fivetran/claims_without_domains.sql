SELECT 'zendesk organization' AS source, id AS entity, external_id AS key, NULL AS user_id, NULL AS email
FROM zendesk_organization
UNION ALL
SELECT 'zendesk user' AS source, id AS entity, NULL AS key, external_id AS user_id, email
FROM zendesk_user WHERE coalesce(role, 'end-user') = 'end-user'
