-- A row per stretch of one price, plan, number of seats and term while a subscription is paid for (active or past due).
-- Since when it is paid for, the history says; what it costs, the invoices: from the beginning of the period of one to
-- that of the next. Before the first invoice the price is that of the first one.
WITH
states AS (
    SELECT id AS subscription_id, customer_id AS customer, status,
           CAST(coalesce(_fivetran_start, created) AS TIMESTAMPTZ) AS moment,
           CAST(created AS TIMESTAMPTZ) AS created_at, CAST(coalesce(start_date, created) AS TIMESTAMPTZ) AS start_date,
           CAST(trial_end AS TIMESTAMPTZ) AS trial_end, CAST(ended_at AS TIMESTAMPTZ) AS ended_at,
           CAST(current_period_start AS TIMESTAMPTZ) AS period_start, CAST(current_period_end AS TIMESTAMPTZ) AS period_end,
           coalesce(CAST(cancel_at AS TIMESTAMPTZ), CASE WHEN CAST(coalesce(cancel_at_period_end, 'false') AS BOOLEAN)
                    THEN CAST(current_period_end AS TIMESTAMPTZ) END) AS ends_on,
           coalesce(pause_collection_behavior, '') IN ('void', 'mark_uncollectible') OR status = 'paused' AS is_paused
    FROM stripe_subscription_history
    WHERE CAST(coalesce(livemode, 'true') AS BOOLEAN) AND NOT CAST(coalesce(_fivetran_deleted, 'false') AS BOOLEAN)
),
beside AS (
    SELECT *, status IN ('active', 'past_due') AND NOT is_paused AS pays, row_number() OVER history AS place,
           lag(status) OVER history AS status_before, lag(ends_on) OVER history AS ends_on_before
    FROM states
    WINDOW history AS (PARTITION BY subscription_id ORDER BY moment, status IN ('canceled', 'unpaid'), period_end)
),
marked AS (
    SELECT *, lag(pays) OVER history AS pays_before,
           lead(moment) OVER history AS next_moment, lead(status) OVER history AS next_status,
           lead(pays) OVER history AS next_pays, lead(is_paused) OVER history AS next_is_paused,
           lead(ended_at) OVER history AS next_ended_at,
           CASE WHEN ends_on IS NOT NULL THEN last_value(
               CASE WHEN ends_on IS NOT NULL AND ends_on_before IS NULL THEN moment END IGNORE NULLS
           ) OVER (PARTITION BY subscription_id ORDER BY place ROWS UNBOUNDED PRECEDING) END AS announced_at
    FROM beside WINDOW history AS (PARTITION BY subscription_id ORDER BY place)
),
numbered AS (
    SELECT *, sum(CAST(pays IS DISTINCT FROM pays_before AS INTEGER))
              OVER (PARTITION BY subscription_id ORDER BY place ROWS UNBOUNDED PRECEDING) AS stint
    FROM marked
),
stints AS (
    SELECT subscription_id, stint, arg_min(n, place) AS first, arg_max(n, place) AS last
    FROM numbered AS n WHERE pays GROUP BY subscription_id, stint
),
paid AS (  -- [started_at, ended_at) of each run of states that are paid for
    SELECT subscription_id, stint, first.customer AS customer, first.created_at AS created_at,
           CASE WHEN first.place = 1 THEN greatest(first.start_date, coalesce(first.trial_end, first.start_date))
                WHEN first.status_before = 'trialing' AND first.trial_end <= first.moment THEN first.trial_end
                ELSE first.moment END AS started_at,
           CASE WHEN last.next_moment IS NULL THEN last.ends_on
                WHEN last.next_status = 'canceled' THEN coalesce(last.next_ended_at, last.next_moment)
                ELSE last.next_moment END AS ended_at,
           CASE WHEN last.next_moment IS NULL THEN last.announced_at
                WHEN last.next_status = 'canceled' THEN coalesce(last.announced_at, last.next_moment)
                ELSE last.next_moment END AS end_recorded_at,
           CASE WHEN last.next_status = 'unpaid' THEN 'payment_failed' WHEN last.next_is_paused THEN 'paused'
                WHEN last.announced_at IS NOT NULL THEN 'cancelled' END AS end_reason
    FROM stints
    UNION ALL  -- a subscription that had ended before its history began
    SELECT subscription_id, 0, customer, created_at, greatest(start_date, coalesce(trial_end, start_date)), ended_at,
           ended_at, NULL
    FROM numbered
    WHERE place = 1 AND status = 'canceled' AND ended_at > greatest(start_date, coalesce(trial_end, start_date))
),
prices AS (  -- where an invoice costs something else than the one before it
    SELECT *, row(mrr, gross, plan, seats, term_months) AS what,
           lag(row(mrr, gross, plan, seats, term_months)) OVER bills AS what_before, row_number() OVER bills AS number
    FROM stripe_bills WINDOW bills AS (PARTITION BY subscription_id ORDER BY period_start, issued_at)
),
steps AS (
    SELECT *, lead(period_start) OVER (PARTITION BY subscription_id ORDER BY number) AS next_start,
           row_number() OVER (PARTITION BY subscription_id ORDER BY number) = 1 AS is_first
    FROM prices WHERE what IS DISTINCT FROM what_before
),
priced AS (
    SELECT p.*, s.period_start AS priced_from, s.period_end AS priced_until, s.issued_at, s.mrr, s.gross, s.plan, s.seats,
           s.term_months, s.currency, s.next_start,
           coalesce(s.is_first OR s.period_start <= p.started_at, true) AS is_begin
    FROM paid AS p
    LEFT JOIN steps AS s
           ON s.subscription_id = p.subscription_id
          AND (s.is_first OR coalesce(s.period_start < p.ended_at, true))
          AND coalesce(s.next_start > p.started_at, true)
),
stretches AS (
    SELECT *, CASE WHEN is_begin THEN started_at ELSE priced_from END AS begins_at,
           lead(priced_from) OVER (PARTITION BY subscription_id, stint ORDER BY priced_from) AS changes_at,
           lead(issued_at) OVER (PARTITION BY subscription_id, stint ORDER BY priced_from) AS change_known_at
    FROM priced
),
charges AS (
    SELECT customer_id AS customer, CAST(created AS TIMESTAMPTZ) AS charged_at, status
    FROM stripe_charge WHERE status IN ('succeeded', 'failed') AND CAST(coalesce(livemode, 'true') AS BOOLEAN)
),
last_charges AS (  -- of the customer, before the end
    SELECT p.subscription_id, p.stint, arg_max(c.status, c.charged_at) AS status
    FROM paid AS p JOIN charges AS c ON c.customer = p.customer AND c.charged_at <= p.ended_at
    GROUP BY p.subscription_id, p.stint
)
SELECT w.account_id, s.subscription_id, s.begins_at AS started_at,
       greatest(s.begins_at, CASE WHEN s.is_begin THEN s.created_at ELSE s.issued_at END) AS recorded_at,
       coalesce(s.changes_at, s.ended_at) AS ended_at,
       CASE WHEN s.changes_at IS NOT NULL THEN 'changed' WHEN s.ended_at IS NOT NULL
            THEN coalesce(s.end_reason, CASE WHEN l.status = 'failed' THEN 'payment_failed' END, 'cancelled') END
       AS end_reason,
       coalesce(greatest(s.changes_at, s.change_known_at), s.end_recorded_at) AS end_recorded_at,
       coalesce(s.plan, i.plan) AS plan, coalesce(s.mrr, i.mrr) AS mrr, round(s.gross - s.mrr, 6) AS discount,
       coalesce(s.currency, i.currency) AS currency, coalesce(s.seats, i.seats) AS seats,
       coalesce(s.term_months, i.term_months) AS term_months,
       coalesce(h.period_end, CASE WHEN s.priced_from = s.begins_at THEN s.priced_until END) AS renews_at
FROM stretches AS s
LEFT JOIN stripe_items AS i ON i.subscription_id = s.subscription_id
LEFT JOIN last_charges AS l ON l.subscription_id = s.subscription_id AND l.stint = s.stint
LEFT JOIN (  -- the billing period in which a stretch began
    SELECT s.subscription_id, s.stint, s.begins_at, arg_min(n.period_end, n.place) AS period_end
    FROM stretches AS s JOIN numbered AS n
      ON n.subscription_id = s.subscription_id AND n.pays
     AND n.period_start <= s.begins_at AND n.period_end > s.begins_at
    GROUP BY s.subscription_id, s.stint, s.begins_at
) AS h ON h.subscription_id = s.subscription_id AND h.stint = s.stint AND h.begins_at = s.begins_at
LEFT JOIN who_is_who AS w ON w.source = 'stripe' AND w.entity = s.customer
