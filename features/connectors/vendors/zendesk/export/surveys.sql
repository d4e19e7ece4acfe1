-- Satisfaction ratings that were offered: a survey of kind csat per ticket, and its answer, if one came.
SELECT CAST(r.id AS VARCHAR) AS survey_id, t.account_id, t.user_id, min(CAST(r.created_at AS TIMESTAMPTZ)) AS asked_at,
       max(CASE WHEN r.score <> 'offered' THEN CAST(r.updated_at AS TIMESTAMPTZ) END) AS responded_at, 'csat' AS kind,
       max(CASE WHEN r.score LIKE 'good%' THEN 5.0 WHEN r.score LIKE 'bad%' THEN 1.0 END) AS score, 5 AS scale_max
FROM zendesk_satisfaction_ratings AS r
JOIN zendesk_ticket_list AS t ON t.ticket = CAST(r.ticket_id AS VARCHAR)
WHERE r.score <> 'unoffered'
GROUP BY ALL
