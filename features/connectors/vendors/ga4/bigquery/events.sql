-- Page views are named by their path or screen; an event of one's own has the kind that event_kinds.csv says. Each
-- counts from three days after it happened, a row from before the login from three days after that.
WITH rows AS (
    SELECT *, CASE event WHEN 'page_view' THEN 'page_view' WHEN 'screen_view' THEN 'page_view'
                  WHEN 'exception' THEN 'error' WHEN 'app_exception' THEN 'crash' END AS own
    FROM ga4_rows
)
SELECT r.event_id, coalesce(w.account_id, r.group_key) AS account_id,
       coalesce(r.user_id, d.user_id, r.device) AS user_id, r.session_id, r.occurred_at,
       greatest(r.received_at, CASE WHEN r.user_id IS NULL THEN d.known_at END) AS recorded_at,
       coalesce(r.own, k.kind) AS kind,
       CASE WHEN r.own IS NOT NULL THEN r.page WHEN k.kind = 'page_view' THEN coalesce(r.page, k.name)
            WHEN k.kind = 'web_vital' THEN coalesce(r.metric, k.name) ELSE coalesce(k.name, r.event) END AS name,
       r.platform, r.duration_ms, r.value
FROM rows AS r
LEFT JOIN event_kinds AS k ON k.event = r.event
LEFT JOIN ga4_people AS d ON d.device = r.device
LEFT JOIN who_is_who AS w ON w.source = 'ga4' AND w.entity = r.group_key
WHERE coalesce(r.own, k.kind) IS NOT NULL
