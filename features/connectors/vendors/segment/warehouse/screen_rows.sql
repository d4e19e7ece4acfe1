SELECT id AS event_id, anonymous_id, user_id, timestamp AS occurred_at, received_at, context_group_id,
       context_library_name, context_library_version, context_os_name, duration_ms, 'page_view' AS kind, name
FROM segment_screens
