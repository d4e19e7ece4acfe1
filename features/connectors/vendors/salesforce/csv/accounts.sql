-- Accounts that have an id of your product: customers, as the CRM states them today. One that was merged there keeps its
-- row, and merges.sql says into which.
SELECT a.{salesforce_account_column} AS account_id, CAST(a."CreatedDate" AS TIMESTAMPTZ) AS created_at, a."Name" AS name,
       nullif(a."Segment__c", '') AS segment, a."BillingCountry" AS country, o.owner,
       a."AccountSource" AS acquisition, a."Id" AS salesforce_id
FROM salesforce_accounts AS a
LEFT JOIN salesforce_owners AS o ON o.owner_id = left(a."OwnerId", 15)
WHERE trim(coalesce(a.{salesforce_account_column}, '')) <> ''
  AND (NOT CAST(coalesce(a."IsDeleted", 'false') AS BOOLEAN) OR coalesce(a."MasterRecordId", '') <> '')
