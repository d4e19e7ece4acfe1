-- Conversations that a customer began, with the times of their parts; the priority is that of the first state.
WITH
newest AS (
    SELECT DISTINCT ON (id) *, {intercom_topic_column} AS topic_value,
           first_value(priority) OVER (PARTITION BY id ORDER BY CAST(updated_at AS TIMESTAMPTZ)) AS first_priority
    FROM intercom_conversation_history
    ORDER BY id, CAST(_fivetran_active AS BOOLEAN) DESC, CAST(updated_at AS TIMESTAMPTZ) DESC
),
times AS (
    SELECT *, CAST(created_at AS TIMESTAMPTZ) AS opened_at FROM newest WHERE source_delivered_as = 'customer_initiated'
),
parts AS (
    SELECT DISTINCT ON (id) conversation_id, part_type AS type, CAST(created_at AS TIMESTAMPTZ) AS moment, author_type,
           assigned_to_id, assigned_to_type, coalesce(body, '') <> '' AS has_text
    FROM intercom_conversation_part_history ORDER BY id, CAST(_fivetran_active AS BOOLEAN) DESC
),
firsts AS (
    SELECT t.id, min(p.moment) FILTER (p.type = 'close') AS resolved_at,
           min(p.moment) FILTER (p.author_type = 'admin' AND p.moment > t.opened_at AND (
               p.type = 'comment' OR p.type IN ('assignment', 'close', 'open') AND p.has_text)) AS first_response_at,
           min(p.moment) FILTER (p.assigned_to_type = 'team' AND p.assigned_to_id = '{intercom_team}') AS escalated_at
    FROM times AS t JOIN parts AS p ON p.conversation_id = t.id GROUP BY t.id
),
reopened AS (
    SELECT f.id, min(p.moment) AS reopened_at
    FROM firsts AS f JOIN parts AS p ON p.conversation_id = f.id AND p.type = 'open' AND p.moment >= f.resolved_at
    GROUP BY f.id
)
SELECT p.account_id, t.id AS ticket_id, p.user_id, t.opened_at,
       CASE t.first_priority WHEN 'priority' THEN 'high' WHEN 'not_priority' THEN 'normal' END AS priority,
       CASE t.source_type WHEN 'conversation' THEN 'chat' WHEN 'phone_call' THEN 'phone' ELSE t.source_type END
       AS channel,
       t.topic_value AS topic, f.first_response_at, f.resolved_at, o.reopened_at, f.escalated_at,
       CAST(t.conversation_rating_value AS DOUBLE) AS csat,
       CAST(t.conversation_rating_created_at AS TIMESTAMPTZ) AS csat_at, 5 AS csat_scale
FROM times AS t
JOIN intercom_people AS p ON p.contact = t.source_author_id
LEFT JOIN firsts AS f ON f.id = t.id
LEFT JOIN reopened AS o ON o.id = t.id
