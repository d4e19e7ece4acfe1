SELECT a.account_id, a.churn_flag, count(e.account_id) AS churn_events,
       (SELECT count(*) FROM ravenstack_accounts) AS of_rows
FROM ravenstack_accounts AS a
LEFT JOIN ravenstack_churn_events AS e ON e.account_id = a.account_id
GROUP BY a.account_id, a.churn_flag
HAVING (upper(a.churn_flag) = 'TRUE') <> (count(e.account_id) > 0)
