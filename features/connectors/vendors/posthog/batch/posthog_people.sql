-- Devices that one person alone logged in from: the person, and when that became known.
SELECT properties ->> '$."$anon_distinct_id"' AS device, any_value(distinct_id) AS user_id,
       min(CAST(created_at AS TIMESTAMPTZ)) AS known_at
FROM posthog_events
WHERE event = '$identify' AND (properties ->> '$."$anon_distinct_id"') <> distinct_id
GROUP BY device HAVING count(DISTINCT distinct_id) = 1
