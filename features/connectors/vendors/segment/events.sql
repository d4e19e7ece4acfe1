-- Page views are named by their path, screens by their name; an event of one's own has the kind that event_kinds.csv
-- says. A row from before the login counts from when the login was received.
SELECT r.event_id, coalesce(w.account_id, r.group_key) AS account_id,
       coalesce(r.user_id, d.user_id, r.anonymous_id) AS user_id, r.occurred_at,
       greatest(r.received_at, CASE WHEN r.user_id IS NULL THEN d.known_at END) AS recorded_at,
       coalesce(r.kind, k.kind) AS kind,
       CASE WHEN r.kind = 'page_view' THEN r.name WHEN k.kind = 'web_vital' THEN coalesce(r.metric, k.name)
            ELSE coalesce(k.name, r.event) END AS name,
       CASE WHEN r.library = 'analytics.js' THEN 'web'
            WHEN r.os = 'ios' OR r.library LIKE '%swift%' OR r.library LIKE '%ios%' THEN 'ios'
            WHEN r.os = 'android' OR r.library LIKE '%kotlin%' OR r.library LIKE '%android%' THEN 'android'
            ELSE r.library END AS platform,
       r.duration_ms, r.value, r.version AS definition
FROM segment_rows AS r
LEFT JOIN event_kinds AS k ON k.event = r.event
LEFT JOIN segment_people AS d ON d.device = r.anonymous_id
LEFT JOIN who_is_who AS w ON w.source = 'segment' AND w.entity = r.group_key
WHERE coalesce(r.kind, k.kind) IS NOT NULL
