-- The kind of each survey, and the question of its score: that of type NPS, else the one with the export tag of scores.
WITH scored AS (
    SELECT DISTINCT ON (survey_id) survey_id, id AS question, upper(selector) = 'NPS' AS is_nps
    FROM qualtrics_question
    WHERE (upper(selector) = 'NPS' OR data_export_tag = '{qualtrics_score_tag}')
      AND NOT CAST(coalesce(_fivetran_deleted, 'false') AS BOOLEAN)
    ORDER BY survey_id, upper(selector) = 'NPS' DESC NULLS LAST, id
)
SELECT DISTINCT ON (s.id) s.id AS survey, q.question,
       CASE WHEN q.is_nps THEN 'nps' WHEN regexp_matches(lower(s.survey_name), lower('{qualtrics_ces_name}')) THEN 'ces'
            ELSE 'csat' END AS kind
FROM qualtrics_survey AS s JOIN scored AS q ON q.survey_id = s.id
ORDER BY s.id, s._fivetran_synced DESC
