SELECT DISTINCT 'ga4' AS source, group_key AS entity, group_key AS key, NULL AS user_id, NULL AS email
FROM ga4_rows WHERE group_key IS NOT NULL
