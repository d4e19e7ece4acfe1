-- Tickets with what the history of their fields and their comments tell: who answered first, when they were resolved,
-- reopened and escalated.
WITH
changes AS (
    SELECT CAST(ticket_id AS VARCHAR) AS ticket, field_name AS field, CAST(updated AS TIMESTAMPTZ) AS moment, value,
           lag(value) OVER (PARTITION BY ticket_id, field_name ORDER BY CAST(updated AS TIMESTAMPTZ)) AS before
    FROM zendesk_ticket_field_history
),
history AS (
    SELECT ticket, min_by(value, moment) FILTER (field = 'priority') AS priority,
           min(moment) FILTER (field = 'status' AND value IN ('solved', 'closed')) AS resolved_at,
           min(moment) FILTER (field = 'status' AND before = 'solved' AND value NOT IN ('solved', 'closed')) AS reopened_at,
           min(moment) FILTER (field = 'group_id' AND value = '{escalation_group}'
                               OR field = 'tags' AND list_contains(string_split_regex(value, '[^\w-]+'), '{escalation_tag}'))
           AS escalated_at
    FROM changes GROUP BY ticket
),
ratings AS (  -- the last one of a ticket
    SELECT ticket, CASE WHEN value LIKE 'good%' THEN 5.0 ELSE 1.0 END AS csat, moment AS csat_at
    FROM changes WHERE field = 'satisfaction_score' AND (value LIKE 'good%' OR value LIKE 'bad%')
    QUALIFY row_number() OVER (PARTITION BY ticket ORDER BY moment DESC) = 1
),
answers AS (
    SELECT t.ticket, min(CAST(c.created AS TIMESTAMPTZ)) AS first_response_at
    FROM zendesk_ticket_comment AS c
    JOIN zendesk_user AS u ON u.id = c.user_id AND u.role IN ('agent', 'admin')
    JOIN zendesk_ticket_list AS t ON t.ticket = CAST(c.ticket_id AS VARCHAR) AND CAST(c.created AS TIMESTAMPTZ) > t.opened_at
    WHERE CAST(c.public AS BOOLEAN)
    GROUP BY t.ticket
)
SELECT t.account_id, t.ticket AS ticket_id, t.user_id, t.opened_at, coalesce(h.priority, t.priority) AS priority,
       CASE t.channel WHEN 'voice' THEN 'phone' WHEN 'native_messaging' THEN 'chat' WHEN 'messaging' THEN 'chat'
            ELSE t.channel END AS channel, t.topic, a.first_response_at, h.resolved_at, h.reopened_at, h.escalated_at,
       r.csat, r.csat_at, 5 AS csat_scale
FROM zendesk_ticket_list AS t
LEFT JOIN history AS h USING (ticket)
LEFT JOIN answers AS a USING (ticket)
LEFT JOIN ratings AS r USING (ticket)
