-- Devices that one person alone logged in from: the person, and when that became known.
SELECT anonymousId AS device, any_value(userId) AS user_id, min(CAST(receivedAt AS TIMESTAMPTZ)) AS known_at
FROM segment_messages
WHERE type = 'identify' AND anonymousId IS NOT NULL AND userId IS NOT NULL
GROUP BY anonymousId HAVING count(DISTINCT userId) = 1
