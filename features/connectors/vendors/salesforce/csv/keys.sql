SELECT a.account_id, k.kind, k.key
FROM (
    SELECT coalesce(nullif(trim(a.{salesforce_account_column}), ''), m.{salesforce_account_column}) AS account_id,
           a."Id" AS id, a."Website" AS website
    FROM salesforce_accounts AS a
    LEFT JOIN salesforce_accounts AS m ON left(m."Id", 15) = left(a."MasterRecordId", 15)
    WHERE NOT CAST(coalesce(a."IsDeleted", 'false') AS BOOLEAN) OR m."Id" IS NOT NULL
) AS a,
LATERAL (
    SELECT 'id' AS kind, a.account_id AS key
    UNION ALL
    SELECT 'crm id', a.id
    UNION ALL
    SELECT 'crm id', left(a.id, 15)
    UNION ALL
    SELECT 'domain', regexp_extract(lower(a.website), '^(?:https?://)?(?:www\.)?([^/:?#]+)', 1)
) AS k
WHERE trim(coalesce(a.account_id, '')) <> ''
