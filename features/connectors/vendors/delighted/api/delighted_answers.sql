-- Answers, each once, as it was changed last.
SELECT DISTINCT ON (id) id AS response, lower(trim(person ->> '$.email')) AS person, survey_type AS kind,
       CAST(score AS DOUBLE) AS score, make_timestamp(1000000 * CAST(created_at AS BIGINT)) AS responded_at
FROM delighted_responses
WHERE score IS NOT NULL
ORDER BY id, CAST(updated_at AS BIGINT) DESC NULLS LAST
