SELECT *, (SELECT count(*) FROM submissions) AS of_rows
FROM submissions
WHERE try_cast(score AS DOUBLE) IS NULL
