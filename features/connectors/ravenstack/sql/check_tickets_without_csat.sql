SELECT ticket_id, closed_at, (SELECT count(*) FROM ravenstack_support_tickets) AS of_rows
FROM ravenstack_support_tickets
WHERE satisfaction_score IS NULL
