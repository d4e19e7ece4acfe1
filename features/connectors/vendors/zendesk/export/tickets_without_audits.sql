-- Tickets with the times that their metrics hold: whole minutes; when a ticket was reopened or escalated is not known.
SELECT t.account_id, t.ticket AS ticket_id, t.user_id, t.opened_at, t.priority,
       CASE t.channel WHEN 'voice' THEN 'phone' WHEN 'native_messaging' THEN 'chat' WHEN 'messaging' THEN 'chat'
            ELSE t.channel END AS channel, t.topic,
       t.opened_at + to_microseconds(CAST(t.reply_minutes * 60000000 AS BIGINT)) AS first_response_at,
       t.opened_at + to_microseconds(CAST(t.resolution_minutes * 60000000 AS BIGINT)) AS resolved_at,
       r.csat, r.csat_at, 5 AS csat_scale
FROM zendesk_ticket_list AS t
LEFT JOIN zendesk_ratings AS r USING (ticket)
