-- Answers, each once, as it was changed last.
SELECT DISTINCT ON ("ID") "ID" AS response, lower(trim("Email")) AS person, lower("Survey Type") AS kind,
       CAST("Score" AS DOUBLE) AS score, CAST("Created At (UTC)" AS TIMESTAMP) AS responded_at
FROM delighted_responses
WHERE trim(coalesce("Score", '')) <> ''
ORDER BY "ID", "Updated At (UTC)" DESC NULLS LAST
