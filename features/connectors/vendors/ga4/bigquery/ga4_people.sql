-- Devices on which one person alone was seen: the person, and when that became known.
SELECT device, any_value(user_id) AS user_id, min(received_at) AS known_at
FROM ga4_rows WHERE user_id IS NOT NULL AND device IS NOT NULL
GROUP BY device HAVING count(DISTINCT user_id) = 1
