-- Surveys that were sent, with their answers: without previews, tests, spam and answers that were not finished.
WITH
asked AS (
    SELECT "distributionId" AS distribution, "contactId" AS contact, nullif("responseId", '') AS response,
           CAST("sentAt" AS TIMESTAMPTZ) AS asked_at, regexp_extract("surveyLink", 'SV_\w+') AS survey
    FROM qualtrics_history
),
kinds AS (  -- the kind of a survey is that of its answers
    SELECT a.survey, mode(r.kind) AS kind FROM asked AS a JOIN qualtrics_answers AS r USING (response) GROUP BY a.survey
),
contacts AS (
    SELECT "contactId" AS contact, coalesce(nullif("extRef", ''), lower(email)) AS person,
           nullif("extRef", '') AS user_id, email
    FROM qualtrics_contacts
)
SELECT a.distribution || ' ' || a.contact AS survey_id, w.account_id, coalesce(c.user_id, p.user_id) AS user_id, a.asked_at, r.responded_at,
       k.kind, r.score, CASE k.kind WHEN 'nps' THEN 10 WHEN 'csat' THEN 5 WHEN 'ces' THEN 7 END AS scale_max
FROM asked AS a
JOIN kinds AS k USING (survey)
LEFT JOIN contacts AS c USING (contact)
LEFT JOIN people AS p ON p.email = lower(trim(c.email))
LEFT JOIN who_is_who AS w ON w.source = 'qualtrics contact' AND w.entity = a.contact
LEFT JOIN qualtrics_answers AS r ON r.response = a.response
