-- Page views are named by their path or screen; an event of one's own has the kind that event_kinds.csv says. A row
-- from before the login counts from when it became known whose device it was.
WITH
read AS (
    SELECT * EXCLUDE (event_properties), json_extract_string(event_properties, [
               '$."[Amplitude] Page Path"', '$."[Amplitude] Screen Name"', '$."[Amplitude] Element Text"',
               '$.duration_ms', '$.value', '$.metric_name', '$.metric', '$."[Amplitude] Page URL"']) AS p,
           coalesce(groups ->> '$."{amplitude_group}"[0]',
                    CASE WHEN json_type(groups, '$."{amplitude_group}"') <> 'ARRAY'
                         THEN groups ->> '$."{amplitude_group}"' END) AS group_key
    FROM amplitude_events
),
rows AS (
    SELECT *, coalesce(regexp_extract(p[1], '^[^?#]+'), regexp_extract(p[8], '^\w+://[^/?#]+([^?#]*)', 1), p[2])
           AS page,
           CASE event_type
               WHEN '[Amplitude] Page Viewed' THEN 'page_view' WHEN '[Amplitude] Screen Viewed' THEN 'page_view'
               WHEN '[Amplitude] Element Clicked' THEN 'click' WHEN '[Amplitude] Element Interacted' THEN 'click'
               WHEN '[Amplitude] Rage Click' THEN 'rage_click' WHEN '[Amplitude] Dead Click' THEN 'dead_click'
           END AS own
    FROM read
)
SELECT coalesce(r."$insert_id", r.uuid) AS event_id, coalesce(w.account_id, r.group_key) AS account_id,
       coalesce(r.user_id, d.user_id, r.device_id) AS user_id,
       CASE WHEN r.session_id <> '-1' THEN coalesce(r.user_id, d.user_id, r.device_id) || ' ' || r.session_id END
       AS session_id,
       r.event_time AS occurred_at,
       greatest(CAST(r.server_received_time AS TIMESTAMPTZ), CASE WHEN r.user_id IS NULL THEN d.known_at END)
       AS recorded_at,
       coalesce(r.own, k.kind) AS kind,
       CASE WHEN r.own = 'click' THEN coalesce(p[3], r.page) WHEN r.own IS NOT NULL THEN r.page
            WHEN k.kind = 'page_view' THEN coalesce(r.page, k.name)
            WHEN k.kind = 'web_vital' THEN coalesce(p[6], p[7], k.name) ELSE coalesce(k.name, r.event_type) END AS name,
       lower(r.platform) AS platform, p[4] AS duration_ms, p[5] AS value, split_part(r.library, '/', 2) AS definition
FROM rows AS r
LEFT JOIN event_kinds AS k ON k.event = r.event_type
LEFT JOIN amplitude_people AS d ON d.device = r.device_id
LEFT JOIN who_is_who AS w ON w.source = 'amplitude' AND w.entity = r.group_key
WHERE coalesce(r.own, k.kind) IS NOT NULL
