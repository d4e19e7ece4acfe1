-- The account of each customer, organization, group and person of the sources, and the rule by which it was found. The
-- first rule that names exactly one account holds; what none names has no account, and its rows are quarantined.
WITH claims AS (
{claims}
),
plain AS (  -- ids without regard to case, zeros in front, ".0" behind, and the last three letters of a long Salesforce id
    SELECT min(account_id) AS account_id, kind, ltrim(lower(regexp_replace(left(key, 15), '\.0+$', '')), '0') AS key
    FROM account_keys WHERE kind IN ('id', 'crm id')
    GROUP BY ALL HAVING count(DISTINCT account_id) = 1
),
domains AS (
    SELECT key, min(account_id) AS account_id FROM account_keys WHERE kind = 'domain'
    GROUP BY key HAVING count(DISTINCT account_id) = 1
),
found AS (
    SELECT c.source, c.entity, i.account_id, 1 AS place, 'id' AS rule
    FROM claims AS c JOIN account_keys AS i ON i.kind = 'id' AND i.key = c.key
    UNION ALL
    SELECT c.source, c.entity, i.account_id, 2, 'id in the CRM'
    FROM claims AS c JOIN account_keys AS i ON i.kind = 'crm id' AND i.key = c.key
    UNION ALL
    SELECT c.source, c.entity, i.account_id, 3, 'id, spelled otherwise'
    FROM claims AS c JOIN plain AS i ON i.key = ltrim(lower(regexp_replace(left(c.key, 15), '\.0+$', '')), '0')
    UNION ALL
    SELECT c.source, c.entity, i.account_id, 4, 'person' FROM claims AS c JOIN people AS i ON i.user_id = c.user_id
    UNION ALL
    SELECT c.source, c.entity, i.account_id, 5, 'e-mail address of a person'
    FROM claims AS c JOIN people AS i ON i.email = lower(trim(c.email))
    UNION ALL
    SELECT c.source, c.entity, i.account_id, 6, 'domain of the e-mail address'
    FROM claims AS c JOIN domains AS i ON i.key = lower(split_part(c.email, '@', 2))
),
first_rule AS (SELECT source, entity, min(place) AS place FROM found GROUP BY ALL)
SELECT c.source, c.entity, f.account_id, coalesce(f.rule, 'unmatched') AS rule
FROM (SELECT DISTINCT source, entity FROM claims WHERE entity IS NOT NULL) AS c
LEFT JOIN (
    SELECT source, entity, min(account_id) AS account_id, min(rule) AS rule
    FROM found JOIN first_rule USING (source, entity, place)
    GROUP BY source, entity HAVING count(DISTINCT account_id) = 1
) AS f USING (source, entity)
