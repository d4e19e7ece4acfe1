SELECT *, (SELECT count(*) FROM registrations) AS of_rows
FROM registrations
WHERE try_cast(date_unregistration AS DOUBLE) < try_cast(date_registration AS DOUBLE)
