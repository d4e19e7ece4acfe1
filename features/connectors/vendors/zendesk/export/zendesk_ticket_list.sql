-- The newest state of every ticket of a customer: without deleted, merged and suspended ones and those of one's agents.
WITH newest AS (
    SELECT DISTINCT ON (id) * FROM zendesk_tickets ORDER BY id, CAST(generated_timestamp AS BIGINT) DESC NULLS LAST
)
SELECT CAST(t.id AS VARCHAR) AS ticket, CAST(t.created_at AS TIMESTAMPTZ) AS opened_at, t.priority,
       t.via ->> '$.channel' AS channel, coalesce(u.external_id, e.user_id) AS user_id,
       coalesce(o.account_id, r.account_id, p.account_id) AS account_id,
       CAST(t.metric_set ->> '$.reply_time_in_minutes.calendar' AS DOUBLE) AS reply_minutes,
       CAST(t.metric_set ->> '$.first_resolution_time_in_minutes.calendar' AS DOUBLE) AS resolution_minutes,
       t.satisfaction_rating ->> '$.score' AS rating,
       list_filter(from_json(coalesce(t.custom_fields, '[]'), '["JSON"]'),
                   lambda f: (f ->> '$.id') = '{topic_field}')[1] ->> '$.value' AS topic
FROM newest AS t
LEFT JOIN zendesk_users AS u ON u.id = t.requester_id
LEFT JOIN people AS e ON e.email = lower(trim(u.email))
LEFT JOIN who_is_who AS o ON o.source = 'zendesk organization' AND o.entity = t.organization_id
LEFT JOIN who_is_who AS r ON r.source = 'zendesk organization' AND r.entity = u.organization_id
LEFT JOIN who_is_who AS p ON p.source = 'zendesk user' AND p.entity = t.requester_id
WHERE t.status NOT IN ('deleted', 'suspended') AND coalesce(u.role, 'end-user') = 'end-user'
  AND coalesce(u.suspended, 'false') <> 'true'
  AND NOT list_contains(from_json(coalesce(t.tags, '[]'), '["VARCHAR"]'), 'closed_by_merge')
