-- Devices on which one person alone was seen: the person, and when that became known.
SELECT device, any_value(user_id) AS user_id, min(received_at) AS known_at
FROM (SELECT user_id, received_at, unnest([device, anonymous]) AS device FROM mixpanel_rows WHERE user_id IS NOT NULL)
WHERE device IS NOT NULL
GROUP BY device HAVING count(DISTINCT user_id) = 1
