-- Each page view, screen and tracked event once. A tracked event is in tracks and in the table of that event, which has
-- its properties; one that was sent twice was received first.
WITH united AS (
    SELECT id AS event_id, anonymous_id, user_id, timestamp AS occurred_at, received_at, context_group_id,
           context_library_name, context_library_version, context_os_name, event, duration_ms, value,
           coalesce(metric_name, metric) AS metric
    FROM segment_tracks
    UNION ALL BY NAME FROM segment_page_rows
    UNION ALL BY NAME FROM segment_screen_rows
)
SELECT event_id, any_value(nullif(anonymous_id, '')) AS anonymous_id, any_value(nullif(user_id, '')) AS user_id,
       any_value(CAST(occurred_at AS TIMESTAMPTZ)) AS occurred_at, min(CAST(received_at AS TIMESTAMPTZ)) AS received_at,
       any_value(nullif(context_group_id, '')) AS group_key, any_value(nullif(context_library_name, '')) AS library,
       any_value(nullif(context_library_version, '')) AS version, any_value(lower(context_os_name)) AS os,
       any_value(kind) AS kind, any_value(name) AS name, any_value(event) AS event,
       any_value(nullif(metric, '')) AS metric, any_value(nullif(CAST(duration_ms AS VARCHAR), '')) AS duration_ms,
       any_value(nullif(CAST(value AS VARCHAR), '')) AS value
FROM united
GROUP BY event_id
