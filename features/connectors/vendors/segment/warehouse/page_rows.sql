SELECT id AS event_id, anonymous_id, user_id, timestamp AS occurred_at, received_at, context_group_id,
       context_library_name, context_library_version, duration_ms, 'page_view' AS kind,
       coalesce(regexp_extract(nullif(path, ''), '^[^?#]+'), regexp_extract(url, '^\w+://[^/?#]+([^?#]*)', 1)) AS name
FROM segment_pages
