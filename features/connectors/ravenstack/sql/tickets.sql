SELECT ticket_id,
       account_id,
       submitted_at AS opened_at,
       priority,
       try_cast(submitted_at AS TIMESTAMP) + to_minutes(try_cast(first_response_time_minutes AS BIGINT)) AS first_response_at,
       closed_at AS resolved_at,
       CASE WHEN escalation_flag = 'True' THEN closed_at END AS escalated_at,
       satisfaction_score AS csat,
       closed_at AS csat_at
FROM ravenstack_support_tickets
