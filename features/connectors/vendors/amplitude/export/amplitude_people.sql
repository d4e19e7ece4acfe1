-- Devices on which one person alone was seen: the person, and when that became known.
SELECT device_id AS device, any_value(user_id) AS user_id, min(CAST(server_received_time AS TIMESTAMPTZ)) AS known_at
FROM amplitude_events
WHERE device_id IS NOT NULL AND user_id IS NOT NULL
GROUP BY device_id HAVING count(DISTINCT user_id) = 1
