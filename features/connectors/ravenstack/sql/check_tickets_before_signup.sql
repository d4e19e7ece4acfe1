SELECT t.ticket_id, t.submitted_at, a.signup_date,
       (SELECT count(*) FROM ravenstack_support_tickets) AS of_rows
FROM ravenstack_support_tickets AS t
JOIN ravenstack_accounts AS a ON a.account_id = t.account_id
WHERE t.submitted_at < a.signup_date
