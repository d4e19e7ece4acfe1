SELECT {account_column} AS account_id, 'id' AS kind, {account_column} AS key FROM hubspot_companies
UNION ALL
SELECT {account_column}, 'crm id', "Record ID" FROM hubspot_companies
UNION ALL
SELECT {account_column}, 'crm id', unnest(string_split("Merged record IDs", ';')) FROM hubspot_companies
UNION ALL
SELECT {account_column}, 'domain', "Company Domain Name" FROM hubspot_companies
