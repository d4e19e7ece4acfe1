-- No names of owners: there is no file of users.
SELECT NULL AS owner_id, NULL AS owner WHERE false
