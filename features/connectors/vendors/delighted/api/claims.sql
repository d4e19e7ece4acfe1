SELECT DISTINCT 'delighted' AS source, person AS entity, NULL AS key, NULL AS user_id, person AS email FROM delighted_answers
