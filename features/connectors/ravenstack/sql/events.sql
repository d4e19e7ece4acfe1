-- A usage row is one use of one feature, and one error event where it counted errors. Some usage ids are given twice,
-- for different subscriptions.
SELECT 'used ' || u.usage_id || ' ' || u.subscription_id AS event_id,
       s.account_id,
       u.usage_date AS occurred_at,
       'feature_used' AS kind,
       u.feature_name AS name,
       try_cast(u.usage_duration_secs AS DOUBLE) * 1000 AS duration_ms,
       try_cast(u.usage_count AS DOUBLE) AS value
FROM ravenstack_feature_usage AS u
LEFT JOIN ravenstack_subscriptions AS s ON s.subscription_id = u.subscription_id
UNION ALL BY NAME
SELECT 'error ' || u.usage_id || ' ' || u.subscription_id AS event_id,
       s.account_id,
       u.usage_date AS occurred_at,
       'error' AS kind,
       u.feature_name AS name,
       try_cast(u.error_count AS DOUBLE) AS value
FROM ravenstack_feature_usage AS u
LEFT JOIN ravenstack_subscriptions AS s ON s.subscription_id = u.subscription_id
WHERE try_cast(u.error_count AS DOUBLE) > 0
