-- The names of the users who own accounts.
SELECT left("Id", 15) AS owner_id, min("Name") AS owner FROM salesforce_users GROUP BY ALL
