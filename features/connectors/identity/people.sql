-- Each person who belongs to one account alone, and the account; e-mail addresses that two people share tell nobody.
WITH given AS (
{people}
),
alone AS (
    SELECT user_id, min(account_id) AS account_id, min(lower(trim(email))) AS email
    FROM given WHERE user_id IS NOT NULL
    GROUP BY user_id HAVING count(DISTINCT account_id) = 1
)
SELECT user_id, account_id, CASE WHEN count(*) OVER (PARTITION BY email) = 1 THEN email END AS email FROM alone
