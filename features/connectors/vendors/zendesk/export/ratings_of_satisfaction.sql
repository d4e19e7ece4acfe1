-- The rating of each ticket, good (5) or bad (1), of the satisfaction ratings.
SELECT CAST(ticket_id AS VARCHAR) AS ticket, CASE WHEN score LIKE 'good%' THEN 5.0 ELSE 1.0 END AS csat,
       CAST(updated_at AS TIMESTAMPTZ) AS csat_at
FROM zendesk_satisfaction_ratings
WHERE score LIKE 'good%' OR score LIKE 'bad%'
QUALIFY row_number() OVER (PARTITION BY ticket ORDER BY csat_at DESC) = 1
