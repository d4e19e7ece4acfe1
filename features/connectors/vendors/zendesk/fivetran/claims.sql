SELECT 'zendesk organization' AS source, o.id AS entity, o.external_id AS key, NULL AS user_id,
       'x@' || d.domain_name AS email
FROM zendesk_organization AS o LEFT JOIN zendesk_domain_name AS d ON d.organization_id = o.id
UNION ALL
SELECT 'zendesk user' AS source, id AS entity, NULL AS key, external_id AS user_id, email
FROM zendesk_user WHERE coalesce(role, 'end-user') = 'end-user'
