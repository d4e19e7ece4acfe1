-- No discounts that do not last: there is no table of them.
SELECT NULL AS subscription_id, CAST(NULL AS TIMESTAMPTZ) AS starts_at, CAST(NULL AS TIMESTAMPTZ) AS ends_at WHERE false
