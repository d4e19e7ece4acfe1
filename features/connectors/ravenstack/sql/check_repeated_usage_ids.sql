SELECT usage_id, usage_date, (SELECT count(*) FROM ravenstack_feature_usage) AS of_rows
FROM ravenstack_feature_usage
QUALIFY row_number() OVER (PARTITION BY usage_id ORDER BY usage_date, subscription_id) > 1
