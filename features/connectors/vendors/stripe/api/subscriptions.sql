-- Today's subscriptions, laid over the past: what they cost before is not known. renews_at is the first renewal after the
-- start, never today's current_period_end, which tells who stayed.
SELECT w.account_id, s.subscription_id, t.started_at, make_timestamp(1000000 * coalesce(s.ended_at, s.ends_on)) AS ended_at,
       CASE WHEN coalesce(s.ended_at, s.ends_on) IS NULL THEN NULL
            WHEN s.reason IN ('payment_failed', 'payment_disputed') OR s.status = 'unpaid' THEN 'payment_failed'
            ELSE 'cancelled' END AS end_reason,
       s.plan, s.mrr, round(s.gross - s.mrr, 6) AS discount, s.currency, s.seats, s.term_months,
       t.started_at + to_months(CAST(s.term_months AS INTEGER)) AS renews_at
FROM stripe_states AS s
CROSS JOIN LATERAL (SELECT make_timestamp(1000000 * coalesce(s.trial_end, s.start_date, s.moment)) AS started_at) AS t
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = s.customer
WHERE s.status IN ('active', 'past_due', 'canceled', 'unpaid') AND NOT s.is_paused
  AND coalesce(make_timestamp(1000000 * s.ended_at) > t.started_at, true)
