-- Page views are named by their path or screen; an event of one's own has the kind that event_kinds.csv says. A row
-- from before the login counts from when it became known whose device it was.
WITH rows AS (
    SELECT *, CASE event WHEN '$mp_web_page_view' THEN 'page_view' WHEN '$mp_click' THEN 'click'
                  WHEN '$mp_rage_click' THEN 'rage_click' WHEN '$mp_dead_click' THEN 'dead_click'
                  WHEN '$ae_crashed' THEN 'crash' END AS own
    FROM mixpanel_rows
)
SELECT r.event_id, coalesce(w.account_id, r.group_key) AS account_id,
       coalesce(r.user_id, d.user_id, r.distinct_id) AS user_id, r.occurred_at,
       greatest(r.received_at, CASE WHEN r.user_id IS NULL THEN d.known_at END) AS recorded_at,
       coalesce(r.own, k.kind) AS kind,
       CASE WHEN r.own = 'click' THEN coalesce(r.element, r.page) WHEN r.own IS NOT NULL THEN r.page
            WHEN k.kind = 'page_view' THEN coalesce(r.page, k.name)
            WHEN k.kind = 'web_vital' THEN coalesce(r.metric, k.name) ELSE coalesce(k.name, r.event) END AS name,
       CASE WHEN r.library IN ('swift', 'iphone') OR r.library <> 'web' AND r.os IN ('ios', 'ipados') THEN 'ios'
            WHEN r.library <> 'web' AND r.os = 'android' THEN 'android' ELSE r.library END AS platform,
       r.duration_ms, r.value, r.version AS definition
FROM rows AS r
LEFT JOIN event_kinds AS k ON k.event = r.event
LEFT JOIN mixpanel_people AS d ON d.device = coalesce(r.device, r.distinct_id)
LEFT JOIN who_is_who AS w ON w.source = 'mixpanel' AND w.entity = r.group_key
WHERE coalesce(r.own, k.kind) IS NOT NULL
