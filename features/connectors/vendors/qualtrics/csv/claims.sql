SELECT DISTINCT 'qualtrics' AS source, coalesce(nullif("ExternalReference", ''), lower("RecipientEmail")) AS entity,
       NULL AS key, nullif("ExternalReference", '') AS user_id, "RecipientEmail" AS email
FROM {file} WHERE "ResponseId" LIKE 'R\_%' ESCAPE '\'
