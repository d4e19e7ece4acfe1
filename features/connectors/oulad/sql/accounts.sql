-- B presentations start on 1 February and J on 1 October; days count from there.
SELECT r.code_module || ' ' || r.code_presentation || ' ' || r.id_student AS account_id,
       'Student ' || r.id_student || ' on ' || r.code_module || ' ' || r.code_presentation AS name,
       make_date(CAST(left(r.code_presentation, 4) AS INTEGER),
                 CASE right(r.code_presentation, 1) WHEN 'B' THEN 2 ELSE 10 END, 1)
           + CAST(try_cast(r.date_registration AS DOUBLE) AS INTEGER) AS created_at,
       r.code_presentation AS segment,
       s.region AS country,
       r.code_module AS module,
       s.gender,
       s.highest_education,
       s.imd_band,
       s.age_band,
       s.disability,
       try_cast(s.num_of_prev_attempts AS DOUBLE) AS previous_attempts,
       try_cast(s.studied_credits AS DOUBLE) AS studied_credits
FROM registrations AS r
LEFT JOIN students AS s
  ON s.code_module = r.code_module
 AND s.code_presentation = r.code_presentation
 AND s.id_student = r.id_student
