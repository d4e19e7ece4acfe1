-- What each invoice says that a subscription costs per month from the beginning of its period: the sum of its licensed
-- lines, without tax, prorations and what is billed once; the invoice's discount is taken off, unless it does not last.
WITH
invoices AS (
    SELECT DISTINCT ON (id) id, upper(currency) AS currency, CAST(subtotal AS DOUBLE) AS subtotal,
           CAST(coalesce(subtotal_excluding_tax, subtotal) AS DOUBLE) AS gross,
           CAST(total AS DOUBLE) - coalesce(CAST(tax AS DOUBLE), 0) AS net,
           CAST(coalesce(status_transitions_finalized_at, created) AS TIMESTAMPTZ) AS issued_at
    FROM stripe_invoice
    WHERE status NOT IN ('draft', 'void', 'deleted') AND CAST(coalesce(livemode, 'true') AS BOOLEAN)
      AND NOT CAST(coalesce(is_deleted, 'false') AS BOOLEAN)
      AND NOT CAST(coalesce(_fivetran_deleted, 'false') AS BOOLEAN)
    ORDER BY id, _fivetran_synced DESC
),
lines AS (
    SELECT DISTINCT ON (l.id, l.invoice_id) l.invoice_id AS id, l.subscription_id, p.plan,
           CAST(l.period_start AS TIMESTAMPTZ) AS period_start, CAST(l.period_end AS TIMESTAMPTZ) AS period_end,
           CAST(l.amount AS DOUBLE) AS amount, CAST(l.quantity AS DOUBLE) AS quantity,
           coalesce(p.months, greatest(1, round(date_diff('hour', CAST(l.period_start AS TIMESTAMPTZ),
                                                          CAST(l.period_end AS TIMESTAMPTZ)) / 730.5))) AS months
    FROM stripe_invoice_line_item AS l
    LEFT JOIN stripe_prices AS p ON p.price = coalesce(l.price_id, l.plan_id)
    WHERE coalesce(l.subscription_id, '') <> '' AND NOT CAST(coalesce(l.proration, 'false') AS BOOLEAN)
      AND coalesce(nullif(l.type, ''), 'subscription') <> 'invoiceitem' AND NOT coalesce(p.is_metered, false)
      AND CAST(l.period_end AS TIMESTAMPTZ) > CAST(l.period_start AS TIMESTAMPTZ)
)
SELECT l.subscription_id, l.id AS invoice_id, i.issued_at, i.currency, max(l.period_start) AS period_start,
       max(l.period_end) AS period_end, arg_max(l.plan, l.amount / l.months) AS plan, sum(l.quantity) AS seats,
       greatest(1, round(max(l.months))) AS term_months,
       round(sum(l.amount / l.months) / coalesce(any_value(u.units), 100)
             * coalesce(any_value(i.gross / nullif(i.subtotal, 0)), 1), 6) AS gross,
       round(sum(l.amount / l.months) / coalesce(any_value(u.units), 100)
             * coalesce(least(1, greatest(0, any_value(CASE WHEN d.subscription_id IS NULL THEN i.net ELSE i.gross END
                                                       / nullif(i.subtotal, 0)))), 1), 6) AS mrr
FROM lines AS l
JOIN invoices AS i USING (id)
LEFT JOIN stripe_units AS u ON u.currency = i.currency
LEFT JOIN (SELECT DISTINCT d.subscription_id, i.id
           FROM stripe_passing_discounts AS d JOIN invoices AS i
           ON d.starts_at <= i.issued_at AND coalesce(d.ends_at > i.issued_at, true)) AS d
       ON d.subscription_id = l.subscription_id AND d.id = l.id
GROUP BY l.subscription_id, l.id, i.issued_at, i.currency
HAVING sum(l.amount) > 0
