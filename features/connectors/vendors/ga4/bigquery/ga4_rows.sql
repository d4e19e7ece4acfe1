-- Each event with its parameters. The id is made of the columns that set an event apart, so that no row is there twice.
WITH
read AS (
    SELECT *,
           list_transform(from_json(CAST(event_params AS JSON), '[{"key": "VARCHAR", "value": {
               "string_value": "VARCHAR", "int_value": "VARCHAR", "double_value": "VARCHAR", "float_value": "VARCHAR"
           }}]'), lambda x: {'key': x.key, 'text': coalesce(
               x.value.string_value, x.value.int_value, x.value.double_value, x.value.float_value)}) AS params,
           list_filter(from_json(CAST(user_properties AS JSON), '[{"key": "VARCHAR", "value": {
               "string_value": "VARCHAR", "int_value": "VARCHAR"
           }}]'), lambda x: x.key = '{ga4_account}')[1].value AS account
    FROM ga4_events
),
named AS (
    SELECT * EXCLUDE (params, event_params, user_properties), list_transform(
               ['page_location', 'firebase_screen', 'firebase_screen_class', 'ga_session_id', 'duration_ms', 'value',
                'metric_name', 'metric_value', '{ga4_account}'],
               lambda name: list_filter(params, lambda x: x.key = name)[1].text) AS p
    FROM read
)
SELECT DISTINCT md5(concat_ws('|', coalesce(user_pseudo_id, ''), event_timestamp, event_name,
                     coalesce(CAST(batch_page_id AS VARCHAR), ''), coalesce(CAST(batch_ordering_id AS VARCHAR), ''),
                     coalesce(CAST(batch_event_index AS VARCHAR), ''))) AS event_id,
       event_name AS event, nullif(user_id, '') AS user_id, user_pseudo_id AS device,
       user_pseudo_id || ' ' || p[4] AS session_id,
       timezone('UTC', make_timestamp(CAST(event_timestamp AS BIGINT))) AS occurred_at,
       timezone('UTC', make_timestamp(CAST(event_timestamp AS BIGINT))) + INTERVAL 3 DAYS AS received_at,
       coalesce(account.string_value, account.int_value, p[9]) AS group_key,
       coalesce(regexp_extract(p[1], '^\w+://[^/?#]+([^?#]*)', 1), p[2], p[3]) AS page,
       lower(platform) AS platform, p[5] AS duration_ms, coalesce(p[8], p[6]) AS value, p[7] AS metric
FROM named
