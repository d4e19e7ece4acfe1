SELECT "ResponseId" AS response, '{survey_kind}' AS kind, {score_column} AS score,
       coalesce(nullif("ExternalReference", ''), lower("RecipientEmail")) AS person,
       nullif("ExternalReference", '') AS user_id,
       timezone(coalesce((SELECT any_value(json_extract_string("EndDate", '$.timeZone')) FROM {file}
                          WHERE "EndDate" LIKE '{"ImportId%'), 'UTC'), CAST("EndDate" AS TIMESTAMP)) AS responded_at
FROM {file}
WHERE "ResponseId" LIKE 'R\_%' ESCAPE '\' AND "Finished" IN ('True', 'TRUE', 'true', '1')
  AND "Status" NOT IN ('Survey Preview', 'Survey Test', 'Spam', '1', '2', '8', '17')
