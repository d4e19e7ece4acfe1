-- Invoices that were sent, without tax; drafts and those of nothing are none. A voided one is closed, as its total stays.
SELECT w.account_id, i.id AS invoice_id,
       make_timestamp(1000000 * CAST(o ->> '$.status_transitions.finalized_at' AS BIGINT)) AS issued_at,
       make_timestamp(1000000 * CAST(o ->> '$.due_date' AS BIGINT)) AS due_at,
       make_timestamp(1000000 * CAST(o ->> '$.status_transitions.paid_at' AS BIGINT)) AS paid_at,
       make_timestamp(1000000 * CAST(coalesce(o ->> '$.status_transitions.voided_at',
                                              o ->> '$.status_transitions.marked_uncollectible_at') AS BIGINT))
       AS closed_at,
       CASE WHEN (o ->> '$.status_transitions.voided_at') IS NOT NULL THEN 'void'
            WHEN (o ->> '$.status_transitions.marked_uncollectible_at') IS NOT NULL THEN 'uncollectible' END
       AS closed_reason,
       t.net / i.units AS amount, i.currency
FROM stripe_objects AS i
CROSS JOIN LATERAL (
    SELECT coalesce(CAST(o ->> '$.total_excluding_tax' AS BIGINT),
                    CAST(o ->> '$.total' AS BIGINT) - coalesce(CAST(o ->> '$.tax' AS BIGINT), 0)) AS net
) AS t
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = o ->> '$.customer'
WHERE i.kind = 'invoice' AND (o ->> '$.status_transitions.finalized_at') IS NOT NULL AND t.net > 0
