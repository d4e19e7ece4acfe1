-- A row per stretch of one price, plan, number of seats and term while a subscription is paid for (active or past due).
-- A trial is none; a renewal without a change begins none. An end that was announced and not taken back is known since.
WITH
ordered AS (
    SELECT *, row_number() OVER (PARTITION BY subscription_id ORDER BY moment, CASE type
                  WHEN 'customer.subscription.created' THEN 0 WHEN 'customer.subscription.deleted' THEN 2 ELSE 1 END,
                  period_end) AS place,
           row(round(mrr, 6), round(gross, 6), plan, seats, term_months, pays) AS what
    FROM stripe_states
),
beside AS (
    SELECT *, lag(what) OVER states AS what_before, lag(status) OVER states AS status_before,
           lag(ends_on) OVER states AS ends_on_before,
           lead(moment) OVER states AS next_moment, lead(status) OVER states AS next_status,
           lead(pays) OVER states AS next_pays, lead(is_paused) OVER states AS next_is_paused,
           lead(ended_at) OVER states AS next_ended_at, lead(reason) OVER states AS next_reason
    FROM ordered WINDOW states AS (PARTITION BY subscription_id ORDER BY place)
),
marked AS (
    SELECT *, CASE WHEN ends_on IS NOT NULL THEN last_value(
                  CASE WHEN ends_on IS NOT NULL AND ends_on_before IS NULL THEN moment END IGNORE NULLS
              ) OVER states END AS announced_at,
           sum(CAST(what IS DISTINCT FROM what_before AS INTEGER)) OVER states AS stretch
    FROM beside WINDOW states AS (PARTITION BY subscription_id ORDER BY place ROWS UNBOUNDED PRECEDING)
),
paid AS (
    SELECT arg_min(m, place) AS first, arg_max(m, place) AS last, min(place) AS place
    FROM marked AS m WHERE pays GROUP BY subscription_id, stretch
)
SELECT w.account_id, p.first.subscription_id AS subscription_id,
       make_timestamp(1000000 * CASE
           WHEN p.first.status_before = 'trialing' AND p.first.trial_end <= p.first.moment THEN p.first.trial_end
           WHEN p.place = 1 AND p.first.type <> 'customer.subscription.created' THEN p.first.start_date
           ELSE p.first.moment END) AS started_at,
       make_timestamp(1000000 * p.first.moment) AS recorded_at,
       make_timestamp(1000000 * CASE
           WHEN p.last.next_moment IS NULL THEN p.last.ends_on
           WHEN p.last.next_status = 'canceled' THEN coalesce(p.last.next_ended_at, p.last.next_moment)
           ELSE p.last.next_moment END) AS ended_at,
       CASE WHEN p.last.next_moment IS NULL THEN CASE WHEN p.last.ends_on IS NOT NULL THEN 'cancelled' END
            WHEN p.last.next_pays THEN 'changed'
            WHEN p.last.next_status = 'unpaid' OR p.last.next_reason IN ('payment_failed', 'payment_disputed')
            THEN 'payment_failed'
            WHEN p.last.next_is_paused THEN 'paused'
            ELSE 'cancelled' END AS end_reason,
       make_timestamp(1000000 * CASE
           WHEN p.last.next_moment IS NULL THEN p.last.announced_at
           WHEN p.last.next_status = 'canceled' THEN coalesce(p.last.announced_at, p.last.next_moment)
           ELSE p.last.next_moment END) AS end_recorded_at,
       p.first.plan AS plan, p.first.mrr AS mrr, round(p.first.gross - p.first.mrr, 6) AS discount,
       p.first.currency AS currency, p.first.seats AS seats, p.first.term_months AS term_months,
       make_timestamp(1000000 * p.first.period_end) AS renews_at
FROM paid AS p
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = p.first.customer
