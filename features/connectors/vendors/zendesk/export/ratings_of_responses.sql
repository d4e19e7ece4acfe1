-- The rating of each ticket, 1 to 5, of the survey responses.
SELECT subject ->> '$.id' AS ticket, CAST(answer ->> '$.rating' AS DOUBLE) AS csat,
       CAST(answer ->> '$.updated_at' AS TIMESTAMPTZ) AS csat_at
FROM (SELECT unnest(from_json(subjects, '["JSON"]')) AS subject, answers FROM zendesk_survey_responses),
     LATERAL (SELECT unnest(from_json(answers, '["JSON"]')) AS answer) AS a
WHERE subject ->> '$.type' = 'ticket' AND answer ->> '$.type' = 'rating_scale' AND (answer ->> '$.rating') IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY ticket ORDER BY csat_at DESC) = 1
