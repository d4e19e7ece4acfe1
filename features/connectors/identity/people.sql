-- The account of each person who belongs to one alone.
SELECT user_id, min(account_id) AS account_id
FROM (
{people}
)
WHERE user_id IS NOT NULL
GROUP BY user_id HAVING count(DISTINCT account_id) = 1
