-- Accounts that were merged into another one, which both have an id of your product.
SELECT a.{salesforce_account_column} AS account_id, m.{salesforce_account_column} AS merged_into,
       CAST(a."SystemModstamp" AS TIMESTAMPTZ) AS merged_at
FROM salesforce_accounts AS a
JOIN salesforce_accounts AS m ON left(m."Id", 15) = left(a."MasterRecordId", 15)
WHERE CAST(coalesce(a."IsDeleted", 'false') AS BOOLEAN) AND trim(coalesce(a.{salesforce_account_column}, '')) <> ''
  AND trim(coalesce(m.{salesforce_account_column}, '')) <> ''
  AND a.{salesforce_account_column} <> m.{salesforce_account_column}
