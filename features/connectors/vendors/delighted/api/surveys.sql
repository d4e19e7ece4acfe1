-- Answers alone: when a survey was sent is not known, so that it counts as asked when it was answered.
SELECT r.response AS survey_id, w.account_id, p.user_id, r.responded_at AS asked_at, r.responded_at, r.kind, r.score,
       CASE r.kind WHEN 'nps' THEN 10 WHEN 'csat' THEN 5 WHEN 'ces' THEN 7 END AS scale_max
FROM delighted_answers AS r
LEFT JOIN people AS p ON p.email = r.person
LEFT JOIN who_is_who AS w ON w.source = 'delighted' AND w.entity = r.person
