-- Each page view, screen and tracked event once; one that was sent twice was received first.
SELECT messageId AS event_id, any_value(anonymousId) AS anonymous_id, any_value(userId) AS user_id,
       any_value(CAST(timestamp AS TIMESTAMPTZ)) AS occurred_at, min(CAST(receivedAt AS TIMESTAMPTZ)) AS received_at,
       any_value(c[1]) AS group_key, any_value(c[2]) AS library, any_value(c[3]) AS version,
       any_value(lower(c[4])) AS os, any_value(CASE WHEN type <> 'track' THEN 'page_view' END) AS kind,
       any_value(CASE WHEN type = 'screen' THEN name WHEN type = 'page' THEN coalesce(
           regexp_extract(coalesce(p[1], c[5]), '^[^?#]+'), regexp_extract(p[2], '^\w+://[^/?#]+([^?#]*)', 1), name)
           END) AS name,
       any_value(event) AS event, any_value(coalesce(p[3], p[4])) AS metric, any_value(p[5]) AS duration_ms,
       any_value(p[6]) AS value
FROM (SELECT * EXCLUDE (context, properties), json_extract_string(context, [
                 '$.groupId', '$.library.name', '$.library.version', '$.os.name', '$.page.path']) AS c,
             json_extract_string(properties, [
                 '$.path', '$.url', '$.metric_name', '$.metric', '$.duration_ms', '$.value']) AS p
      FROM segment_messages WHERE type IN ('track', 'page', 'screen'))
GROUP BY messageId
