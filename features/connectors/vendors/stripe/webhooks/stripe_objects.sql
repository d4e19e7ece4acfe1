-- The last state of every invoice, charge, refund and dispute in live mode; units: minor units of one of its currency.
WITH last AS (
    SELECT DISTINCT ON (data ->> '$.object.id') data -> '$.object' AS o, data ->> '$.object.object' AS kind
    FROM stripe_events
    WHERE data ->> '$.object.object' IN ('invoice', 'charge', 'refund', 'dispute') AND livemode = 'true'
    ORDER BY data ->> '$.object.id', CAST(created AS BIGINT) DESC, type
)
SELECT kind, o ->> '$.id' AS id, o, upper(o ->> '$.currency') AS currency, CASE
    WHEN upper(o ->> '$.currency') IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND',
                                      'VUV', 'XAF', 'XOF', 'XPF') THEN 1
    WHEN upper(o ->> '$.currency') IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100 END AS units
FROM last
