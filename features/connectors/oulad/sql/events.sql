-- Assessments as tasks: started at course start, completed when handed in, failed where the score
-- is under 40 (a tutor's mark is known about two weeks later, a computer's at once) or the due date
-- passed unmet. Clicks before the course are one use of the course site, on the eve of its start.
WITH enrolments AS (
    SELECT r.code_module, r.code_presentation, r.id_student,
           r.code_module || ' ' || r.code_presentation || ' ' || r.id_student AS account_id,
           make_date(CAST(left(r.code_presentation, 4) AS INTEGER),
                     CASE right(r.code_presentation, 1) WHEN 'B' THEN 2 ELSE 10 END, 1) AS course_start,
           CAST(try_cast(r.date_registration AS DOUBLE) AS INTEGER) AS registered,
           CAST(try_cast(r.date_unregistration AS DOUBLE) AS INTEGER) AS withdrawn
    FROM registrations AS r
),
tasks AS (
    SELECT e.account_id, e.course_start, e.registered, e.withdrawn,
           a.id_assessment, a.assessment_type,
           CAST(try_cast(a.date AS DOUBLE) AS INTEGER) AS due,
           CAST(try_cast(s.date_submitted AS DOUBLE) AS INTEGER) AS submitted,
           try_cast(s.score AS DOUBLE) AS score,
           coalesce(s.is_banked, 'False') IN ('True', '1') AS banked
    FROM enrolments AS e
    JOIN assessments AS a
      ON a.code_module = e.code_module AND a.code_presentation = e.code_presentation
    LEFT JOIN submissions AS s
      ON s.id_assessment = a.id_assessment AND s.id_student = e.id_student
    WHERE a.assessment_type <> 'Exam'
)
SELECT account_id || ' started ' || id_assessment AS event_id, account_id,
       course_start + greatest(0, registered) AS occurred_at,
       course_start + greatest(0, registered) AS recorded_at,
       'task_started' AS kind, assessment_type AS name, NULL AS value, NULL AS definition
FROM tasks
WHERE NOT banked AND (withdrawn IS NULL OR withdrawn > greatest(0, registered))
UNION ALL BY NAME
SELECT account_id || ' handed in ' || id_assessment AS event_id, account_id,
       course_start + submitted AS occurred_at, course_start + submitted AS recorded_at,
       'task_completed' AS kind, assessment_type AS name,
       due - submitted AS value, 'days early' AS definition
FROM tasks
WHERE submitted IS NOT NULL AND NOT banked
UNION ALL BY NAME
SELECT account_id || ' failed ' || id_assessment AS event_id, account_id,
       course_start + submitted AS occurred_at,
       course_start + submitted + CASE assessment_type WHEN 'CMA' THEN 0 ELSE 14 END AS recorded_at,
       'task_failed' AS kind, assessment_type AS name, score AS value, 'score under 40' AS definition
FROM tasks
WHERE submitted IS NOT NULL AND NOT banked AND score < 40
UNION ALL BY NAME
SELECT account_id || ' missed ' || id_assessment AS event_id, account_id,
       course_start + due + 1 AS occurred_at, course_start + due + 1 AS recorded_at,
       'task_failed' AS kind, assessment_type AS name, NULL AS value, 'due date unmet' AS definition
FROM tasks
WHERE due IS NOT NULL AND NOT banked AND (submitted IS NULL OR submitted > due)
  AND registered <= due AND (withdrawn IS NULL OR withdrawn > due)
UNION ALL BY NAME
SELECT e.account_id || ' clicked before' AS event_id, e.account_id,
       e.course_start + greatest(-1, e.registered) AS occurred_at,
       e.course_start + greatest(-1, e.registered) AS recorded_at,
       'feature_used' AS kind, 'course site before the start' AS name,
       try_cast(p.pre_course_clicks AS DOUBLE) AS value, 'clicks' AS definition
FROM pre_course_clicks AS p
JOIN enrolments AS e
  ON e.code_module = p.code_module
 AND e.code_presentation = p.code_presentation
 AND e.id_student = p.id_student
