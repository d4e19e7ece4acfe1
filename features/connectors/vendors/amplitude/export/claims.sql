SELECT DISTINCT 'amplitude' AS source, group_key AS entity, group_key AS key, NULL AS user_id, NULL AS email
FROM (SELECT coalesce(groups ->> '$."{amplitude_group}"[0]',
                      CASE WHEN json_type(groups, '$."{amplitude_group}"') <> 'ARRAY'
                           THEN groups ->> '$."{amplitude_group}"' END) AS group_key
      FROM amplitude_events)
WHERE group_key IS NOT NULL
