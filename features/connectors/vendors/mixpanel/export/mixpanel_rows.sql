-- The properties of each event. A distinct_id that begins with $device: or is the device's own is nobody's yet.
SELECT event, coalesce(p[1], md5(event || CAST(properties AS VARCHAR))) AS event_id, p[5] AS device,
       replace(p[6], '$device:', '') AS anonymous,
       coalesce(p[3], p[7], CASE WHEN NOT starts_with(p[2], '$device:') AND p[2] IS DISTINCT FROM p[5]
                                      AND event <> '$identify' THEN p[2] END) AS user_id,
       replace(p[2], '$device:', '') AS distinct_id,
       timezone('{mixpanel_zone}', make_timestamp(CAST(CAST(p[4] AS DOUBLE) * 1000000 AS BIGINT))) AS occurred_at,
       timezone('UTC', make_timestamp(CAST(CAST(p[8] AS DOUBLE) * 1000 AS BIGINT))) AS received_at,
       coalesce(properties ->> '$."{mixpanel_group}"[0]',
                CASE WHEN json_type(properties, '$."{mixpanel_group}"') <> 'ARRAY'
                     THEN properties ->> '$."{mixpanel_group}"' END) AS group_key,
       coalesce(regexp_extract(p[9], '^[^?#]+'), regexp_extract(p[10], '^\w+://[^/?#]+([^?#]*)', 1), p[11], p[12])
       AS page,
       p[13] AS library, p[14] AS version, lower(p[15]) AS os, p[16] AS duration_ms, p[17] AS value,
       coalesce(p[18], p[19]) AS metric, p[20] AS element
FROM (SELECT event, properties, json_extract_string(properties, [
                 '$."$insert_id"', '$.distinct_id', '$."$user_id"', '$.time', '$."$device_id"', '$."$anon_id"',
                 '$."$identified_id"', '$.mp_processing_time_ms', '$.current_url_path', '$."$current_url"', '$.screen',
                 '$."$screen_name"', '$.mp_lib', '$."$lib_version"', '$."$os"', '$.duration_ms', '$.value',
                 '$.metric_name', '$.metric', '$."$el_text"']) AS p
      FROM mixpanel_events)
