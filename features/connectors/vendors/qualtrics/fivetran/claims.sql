SELECT 'qualtrics contact' AS source, contact AS entity, NULL AS key, user_id, email FROM qualtrics_people
