-- The tags of each ticket, as they stand today.
SELECT CAST(ticket_id AS VARCHAR) AS ticket, list(tag) AS tags FROM zendesk_ticket_tag GROUP BY ALL
