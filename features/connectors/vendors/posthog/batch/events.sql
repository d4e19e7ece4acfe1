-- Events of the web, the apps and the server. What a page or a screen is named is its path; an event of one's own has the
-- kind that event_kinds.csv says. A row from before the login counts from when the login was received.
WITH
read AS (
    SELECT uuid, event, timestamp, created_at, distinct_id, json_extract_string(properties, [
               '$."$groups"."{group_type}"', '$."$session_id"', '$."$lib"', '$."$lib_version"', '$."$pathname"',
               '$."$current_url"', '$."$screen_name"', '$."$event_type"', '$."$exception_level"', '$.duration_ms',
               '$.value', '$."$web_vitals_LCP_value"', '$."$web_vitals_INP_value"', '$."$web_vitals_CLS_value"',
               '$."$web_vitals_FCP_value"', '$."$el_text"']) AS p
    FROM posthog_events
    WHERE event NOT IN ('$identify', '$groupidentify', '$set', '$feature_flag_called', '$create_alias', '$opt_in',
                        '$pageleave')
),
vitals AS (
    SELECT * EXCLUDE (vital), vital.name AS vital, vital.value AS measured FROM (
        SELECT *, unnest([{'name': 'LCP', 'value': p[12]}, {'name': 'INP', 'value': p[13]},
                          {'name': 'CLS', 'value': p[14]}, {'name': 'FCP', 'value': p[15]}]) AS vital
        FROM read WHERE event = '$web_vitals'
    ) WHERE vital.value IS NOT NULL
),
rows AS (
    SELECT *, uuid || ':' || vital AS event_id, 'web_vital' AS kind, vital AS name FROM vitals
    UNION ALL BY NAME
    SELECT r.*, uuid AS event_id, CASE event
               WHEN '$pageview' THEN 'page_view' WHEN '$screen' THEN 'page_view' WHEN '$rageclick' THEN 'rage_click'
               WHEN '$dead_click' THEN 'dead_click' WHEN '$autocapture' THEN CASE WHEN p[8] = 'click' THEN 'click' END
               WHEN '$exception' THEN CASE WHEN p[9] = 'fatal' THEN 'crash' ELSE 'error' END ELSE k.kind END AS kind,
           CASE event WHEN '$pageview' THEN coalesce(p[5], regexp_extract(p[6], '^\w+://[^/?#]+([^?#]*)', 1))
               WHEN '$screen' THEN p[7] WHEN '$rageclick' THEN coalesce(p[5], p[7])
               WHEN '$dead_click' THEN coalesce(p[5], p[7]) WHEN '$autocapture' THEN p[16]
               WHEN '$exception' THEN coalesce(p[5], p[7]) ELSE coalesce(k.name, event) END AS name
    FROM read AS r LEFT JOIN event_kinds AS k USING (event)
    WHERE event <> '$web_vitals' AND (event NOT LIKE '$%' OR event IN (
        '$pageview', '$screen', '$rageclick', '$dead_click', '$autocapture', '$exception'))
)
SELECT r.event_id, coalesce(w.account_id, p[1]) AS account_id, coalesce(d.user_id, r.distinct_id) AS user_id, p[2] AS session_id,
       r.timestamp AS occurred_at, greatest(CAST(r.created_at AS TIMESTAMPTZ), d.known_at) AS recorded_at,
       r.kind, r.name, CASE WHEN p[3] LIKE '%ios%' THEN 'ios' WHEN p[3] LIKE '%android%' THEN 'android' ELSE p[3] END
       AS platform,
       p[10] AS duration_ms, coalesce(r.measured, p[11]) AS value, p[4] AS definition
FROM rows AS r
LEFT JOIN posthog_people AS d ON d.device = r.distinct_id
LEFT JOIN who_is_who AS w ON w.source = 'posthog' AND w.entity = p[1]
WHERE r.kind IS NOT NULL
