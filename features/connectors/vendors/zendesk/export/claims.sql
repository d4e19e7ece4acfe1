SELECT 'zendesk organization' AS source, CAST(id AS VARCHAR) AS entity, external_id AS key, NULL AS user_id,
       'x@' || domain AS email
FROM (SELECT id, external_id, unnest(CASE WHEN json_array_length(domain_names) > 0
                                          THEN from_json(domain_names, '["VARCHAR"]') ELSE [NULL] END) AS domain
      FROM zendesk_organizations)
UNION ALL
SELECT 'zendesk user' AS source, CAST(id AS VARCHAR) AS entity, NULL AS key, external_id AS user_id, email
FROM zendesk_users
WHERE coalesce(role, 'end-user') = 'end-user'
