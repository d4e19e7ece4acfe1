-- Companies that have an id of your product: customers, as the CRM states them today. A company that was merged there
-- keeps one row.
SELECT {account_column} AS account_id,
       timezone('{hubspot_zone}', CAST("Create Date" AS TIMESTAMP)) AS created_at,
       "Company name" AS name, nullif("Segment", '') AS segment, "Country/Region" AS country, "Company owner" AS owner,
       "Original Traffic Source" AS acquisition, "Record ID" AS hubspot_id
FROM hubspot_companies
WHERE trim(coalesce({account_column}, '')) <> ''
