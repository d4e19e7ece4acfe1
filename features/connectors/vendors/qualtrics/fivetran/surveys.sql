-- Surveys that were sent, with their answers: without previews, tests, spam and answers that were not finished.
WITH
answers AS (
    SELECT DISTINCT ON (r.id) r.id AS response, CAST(r.end_date AS TIMESTAMPTZ) AS responded_at,
           TRY_CAST(a.value AS DOUBLE) AS score
    FROM qualtrics_survey_response AS r
    JOIN qualtrics_surveys AS s ON s.survey = r.survey_id
    JOIN qualtrics_question_response AS a ON a.response_id = r.id AND a.question_id = s.question
    WHERE lower(r.finished) IN ('true', '1') AND TRY_CAST(a.value AS DOUBLE) IS NOT NULL
      AND r.status NOT IN ('Survey Preview', 'Survey Test', 'Spam', '1', '2', '8', '17')
    ORDER BY r.id, a._fivetran_id
)
SELECT d.distribution_id || ' ' || d.contact_id AS survey_id, w.account_id, coalesce(c.user_id, p.user_id) AS user_id,
       CAST(d.sent_at AS TIMESTAMPTZ) AS asked_at, a.responded_at, s.kind, a.score,
       CASE s.kind WHEN 'nps' THEN 10 WHEN 'csat' THEN 5 WHEN 'ces' THEN 7 END AS scale_max
FROM qualtrics_distribution_contact AS d
JOIN qualtrics_surveys AS s ON s.survey = regexp_extract(d.survey_link, 'SV_\w+')
LEFT JOIN qualtrics_people AS c ON c.contact = d.contact_id
LEFT JOIN people AS p ON p.email = c.email
LEFT JOIN who_is_who AS w ON w.source = 'qualtrics contact' AND w.entity = d.contact_id
LEFT JOIN answers AS a ON a.response = d.response_id
WHERE d.sent_at IS NOT NULL
