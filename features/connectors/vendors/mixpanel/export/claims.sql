SELECT DISTINCT 'mixpanel' AS source, group_key AS entity, group_key AS key, NULL AS user_id, NULL AS email
FROM mixpanel_rows WHERE group_key IS NOT NULL
