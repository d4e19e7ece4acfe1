-- Invoices that were sent, without tax; drafts and those of nothing are none. A voided one is closed, as its total stays.
WITH last AS (
    SELECT DISTINCT ON (id) *, CAST(total AS BIGINT) - coalesce(CAST(tax AS BIGINT), 0) AS net
    FROM stripe_invoice
    WHERE CAST(coalesce(livemode, 'true') AS BOOLEAN) AND NOT CAST(coalesce(is_deleted, 'false') AS BOOLEAN)
      AND NOT CAST(coalesce(_fivetran_deleted, 'false') AS BOOLEAN)
    ORDER BY id, _fivetran_synced DESC
)
SELECT w.account_id, i.id AS invoice_id, CAST(i.status_transitions_finalized_at AS TIMESTAMPTZ) AS issued_at,
       CAST(i.due_date AS TIMESTAMPTZ) AS due_at, CAST(i.status_transitions_paid_at AS TIMESTAMPTZ) AS paid_at,
       CAST(coalesce(i.status_transitions_voided_at, i.status_transitions_marked_uncollectible_at) AS TIMESTAMPTZ)
       AS closed_at,
       CASE WHEN i.status_transitions_voided_at IS NOT NULL THEN 'void'
            WHEN i.status_transitions_marked_uncollectible_at IS NOT NULL THEN 'uncollectible' END AS closed_reason,
       i.net / coalesce(u.units, 100) AS amount, upper(i.currency) AS currency
FROM last AS i
LEFT JOIN stripe_units AS u ON u.currency = upper(i.currency)
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = i.customer_id
WHERE i.status_transitions_finalized_at IS NOT NULL AND i.net > 0
