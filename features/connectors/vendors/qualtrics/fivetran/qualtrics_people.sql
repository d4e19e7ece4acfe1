-- Contacts: the product's user id of each, where it is the external reference, and the e-mail address.
SELECT DISTINCT ON (id) id AS contact, nullif(ext_ref, '') AS user_id, nullif(lower(trim(email)), '') AS email
FROM qualtrics_directory_contact ORDER BY id, _fivetran_synced DESC
