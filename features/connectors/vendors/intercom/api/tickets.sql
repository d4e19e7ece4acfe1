-- Conversations that a customer began, as they stand today, with the times of their statistics and parts.
WITH
newest AS (
    SELECT DISTINCT ON (id) * FROM intercom_conversations ORDER BY id, CAST(updated_at AS BIGINT) DESC NULLS LAST
),
times AS (
    SELECT id, CAST(created_at AS BIGINT) AS opened, CAST(statistics ->> '$.first_admin_reply_at' AS BIGINT) AS answered,
           CAST(statistics ->> '$.first_close_at' AS BIGINT) AS closed,
           coalesce(contacts ->> '$.contacts[0].id', source ->> '$.author.id') AS contact
    FROM newest WHERE source ->> '$.delivered_as' = 'customer_initiated'
),
parts AS (
    SELECT id, part ->> '$.part_type' AS type, CAST(part ->> '$.created_at' AS BIGINT) AS moment,
           part ->> '$.assigned_to.type' AS assignee_type, part ->> '$.assigned_to.id' AS assignee
    FROM (SELECT id, unnest(from_json(conversation_parts -> '$.conversation_parts', '["JSON"]')) AS part FROM newest)
),
later AS (
    SELECT t.id, min(p.moment) FILTER (p.type = 'open' AND p.moment >= t.closed) AS reopened,
           min(p.moment) FILTER (p.assignee_type = 'team' AND p.assignee = '{intercom_team}') AS escalated
    FROM times AS t JOIN parts AS p USING (id) GROUP BY t.id
)
SELECT p.account_id, t.id AS ticket_id, p.user_id, make_timestamp(1000000 * t.opened) AS opened_at,
       CASE n.priority WHEN 'priority' THEN 'high' WHEN 'not_priority' THEN 'normal' END AS priority,
       CASE n.source ->> '$.type' WHEN 'conversation' THEN 'chat' WHEN 'phone_call' THEN 'phone'
            ELSE n.source ->> '$.type' END AS channel,
       n.custom_attributes ->> '$."{intercom_topic}"' AS topic,
       make_timestamp(1000000 * t.answered) AS first_response_at, make_timestamp(1000000 * t.closed) AS resolved_at,
       make_timestamp(1000000 * l.reopened) AS reopened_at, make_timestamp(1000000 * l.escalated) AS escalated_at,
       CAST(n.conversation_rating ->> '$.rating' AS DOUBLE) AS csat,
       make_timestamp(1000000 * CAST(n.conversation_rating ->> '$.created_at' AS BIGINT)) AS csat_at, 5 AS csat_scale
FROM times AS t
JOIN newest AS n USING (id)
JOIN intercom_people AS p ON p.contact = t.contact
LEFT JOIN later AS l USING (id)
