SELECT DISTINCT 'posthog' AS source, group_key AS entity, group_key AS key, NULL AS user_id, NULL AS email
FROM (SELECT properties ->> '$."$groups"."{group_type}"' AS group_key FROM posthog_events) WHERE group_key IS NOT NULL
