-- Satisfaction ratings that were offered: a survey of kind csat per ticket, and its answer, if one came.
SELECT 'csat ' || t.ticket AS survey_id, t.account_id, t.user_id, min(CAST(h.updated AS TIMESTAMPTZ)) AS asked_at,
       max(CAST(h.updated AS TIMESTAMPTZ)) FILTER (h.value LIKE 'good%' OR h.value LIKE 'bad%') AS responded_at,
       'csat' AS kind, max_by(CASE WHEN h.value LIKE 'good%' THEN 5.0 ELSE 1.0 END, CAST(h.updated AS TIMESTAMPTZ))
       FILTER (h.value LIKE 'good%' OR h.value LIKE 'bad%') AS score, 5 AS scale_max
FROM zendesk_ticket_field_history AS h
JOIN zendesk_ticket_list AS t ON t.ticket = CAST(h.ticket_id AS VARCHAR)
WHERE h.field_name = 'satisfaction_score' AND (h.value = 'offered' OR h.value LIKE 'good%' OR h.value LIKE 'bad%')
GROUP BY t.ticket, t.account_id, t.user_id
