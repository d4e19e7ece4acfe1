-- Without identify calls, nothing tells whose device it was before a login.
SELECT NULL AS device, NULL AS user_id, CAST(NULL AS TIMESTAMPTZ) AS known_at WHERE false
