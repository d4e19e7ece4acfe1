SELECT 'qualtrics contact' AS source, "contactId" AS entity, NULL AS key, nullif("extRef", '') AS user_id, email
FROM qualtrics_contacts
