-- No disputes: there is no table of them.
SELECT NULL AS id, NULL AS charge_id, NULL AS created, NULL AS currency, NULL AS amount, NULL AS kind WHERE false
