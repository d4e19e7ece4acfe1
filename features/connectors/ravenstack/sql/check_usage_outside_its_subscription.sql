SELECT u.usage_id, u.usage_date, s.start_date, s.end_date,
       (SELECT count(*) FROM ravenstack_feature_usage) AS of_rows
FROM ravenstack_feature_usage AS u
JOIN ravenstack_subscriptions AS s ON s.subscription_id = u.subscription_id
WHERE u.usage_date < s.start_date OR u.usage_date > s.end_date
