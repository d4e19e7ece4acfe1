-- Tickets with what their audits tell: who answered first, when they were resolved, reopened and escalated.
WITH
changes AS (  -- an audit holds the changes of one moment
    SELECT CAST(ticket_id AS VARCHAR) AS ticket, CAST(created_at AS TIMESTAMPTZ) AS moment, author_id, change
    FROM (SELECT ticket_id, created_at, author_id, unnest(from_json(events, '["JSON"]')) AS change
          FROM zendesk_ticket_audits)
),
fields AS (
    SELECT ticket, moment, change ->> '$.field_name' AS field, change ->> '$.type' AS type, change ->> '$.value' AS value,
           change ->> '$.previous_value' AS before
    FROM changes
),
history AS (
    SELECT ticket,
           any_value(value) FILTER (field = 'priority' AND type = 'Create') AS priority,
           min(moment) FILTER (field = 'status' AND value IN ('solved', 'closed')) AS resolved_at,
           min(moment) FILTER (field = 'status' AND before = 'solved' AND value NOT IN ('solved', 'closed')) AS reopened_at,
           min(moment) FILTER (field = 'tags' AND contains(value, '"{escalation_tag}"')) AS escalated_at
    FROM fields GROUP BY ticket
),
answers AS (
    SELECT c.ticket, min(c.moment) AS first_response_at
    FROM changes AS c
    JOIN zendesk_users AS u ON u.id = coalesce(c.change ->> '$.author_id', c.author_id) AND u.role IN ('agent', 'admin')
    JOIN zendesk_ticket_list AS t ON t.ticket = c.ticket AND c.moment > t.opened_at
    WHERE c.change ->> '$.type' = 'Comment' AND c.change ->> '$.public' = 'true'
    GROUP BY c.ticket
)
SELECT t.account_id, t.ticket AS ticket_id, t.user_id, t.opened_at, coalesce(h.priority, t.priority) AS priority,
       CASE t.channel WHEN 'voice' THEN 'phone' WHEN 'native_messaging' THEN 'chat' WHEN 'messaging' THEN 'chat'
            ELSE t.channel END AS channel, t.topic, a.first_response_at, h.resolved_at, h.reopened_at, h.escalated_at,
       r.csat, r.csat_at, 5 AS csat_scale
FROM zendesk_ticket_list AS t
LEFT JOIN history AS h USING (ticket)
LEFT JOIN answers AS a USING (ticket)
LEFT JOIN zendesk_ratings AS r USING (ticket)
