-- The rating of each ticket, good (5) or bad (1), as the ticket itself states it; when it was given is not known, so that
-- it counts from when the ticket was resolved.
SELECT ticket, CASE WHEN rating LIKE 'good%' THEN 5.0 ELSE 1.0 END AS csat, CAST(NULL AS TIMESTAMPTZ) AS csat_at
FROM zendesk_ticket_list WHERE rating LIKE 'good%' OR rating LIKE 'bad%'
