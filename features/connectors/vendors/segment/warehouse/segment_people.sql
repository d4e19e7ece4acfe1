-- Devices that one person alone logged in from: the person, and when that became known.
SELECT anonymous_id AS device, any_value(user_id) AS user_id, min(CAST(received_at AS TIMESTAMPTZ)) AS known_at
FROM (SELECT nullif(anonymous_id, '') AS anonymous_id, nullif(user_id, '') AS user_id, received_at
      FROM segment_identifies)
WHERE anonymous_id IS NOT NULL AND user_id IS NOT NULL
GROUP BY anonymous_id HAVING count(DISTINCT user_id) = 1
