-- From registration to withdrawal; who stays to the end has completed, which is not churn.
WITH enrolments AS (
    SELECT r.code_module || ' ' || r.code_presentation || ' ' || r.id_student AS account_id,
           make_date(CAST(left(r.code_presentation, 4) AS INTEGER),
                     CASE right(r.code_presentation, 1) WHEN 'B' THEN 2 ELSE 10 END, 1) AS course_start,
           CAST(try_cast(r.date_registration AS DOUBLE) AS INTEGER) AS registered,
           CAST(try_cast(r.date_unregistration AS DOUBLE) AS INTEGER) AS withdrawn,
           CAST(try_cast(c.module_presentation_length AS DOUBLE) AS INTEGER) AS length
    FROM registrations AS r
    JOIN courses AS c
      ON c.code_module = r.code_module AND c.code_presentation = r.code_presentation
)
SELECT account_id AS subscription_id,
       account_id,
       course_start + registered AS started_at,
       course_start + coalesce(withdrawn, length) AS ended_at,
       CASE WHEN withdrawn IS NULL THEN 'completed' ELSE 'withdrawn' END AS end_reason,
       1 AS mrr,
       course_start + length AS renews_at
FROM enrolments
