-- Every ticket of a customer: without deleted, merged and suspended ones and those of one's agents.
WITH newest AS (
    SELECT DISTINCT ON (id) *, {topic_column} AS topic_value FROM zendesk_ticket ORDER BY id, _fivetran_synced DESC
)
SELECT CAST(t.id AS VARCHAR) AS ticket, CAST(t.created_at AS TIMESTAMPTZ) AS opened_at, t.priority,
       t.via_channel AS channel, t.topic_value AS topic, coalesce(u.external_id, e.user_id) AS user_id,
       coalesce(o.account_id, r.account_id, p.account_id) AS account_id
FROM newest AS t
LEFT JOIN zendesk_user AS u ON u.id = t.requester_id
LEFT JOIN people AS e ON e.email = lower(trim(u.email))
LEFT JOIN zendesk_tags AS g ON g.ticket = CAST(t.id AS VARCHAR)
LEFT JOIN who_is_who AS o ON o.source = 'zendesk organization' AND o.entity = CAST(t.organization_id AS VARCHAR)
LEFT JOIN who_is_who AS r ON r.source = 'zendesk organization' AND r.entity = CAST(u.organization_id AS VARCHAR)
LEFT JOIN who_is_who AS p ON p.source = 'zendesk user' AND p.entity = CAST(t.requester_id AS VARCHAR)
WHERE t.status NOT IN ('deleted', 'suspended') AND coalesce(u.role, 'end-user') = 'end-user'
  AND NOT CAST(coalesce(u.suspended, 'false') AS BOOLEAN)
  AND NOT CAST(coalesce(t._fivetran_deleted, 'false') AS BOOLEAN)
  AND NOT list_contains(coalesce(g.tags, []), 'closed_by_merge')
