-- An account holds about ten subscriptions at once. A dated churn event means that it left: every
-- subscription then running ends there, unless its own end comes first.
WITH churned AS (
    SELECT s.subscription_id,
           min(try_cast(e.churn_date AS DATE)) AS churned_at,
           arg_min(e.reason_code, try_cast(e.churn_date AS DATE)) AS reason_code
    FROM ravenstack_subscriptions AS s
    JOIN ravenstack_churn_events AS e
      ON e.account_id = s.account_id
     AND try_cast(e.churn_date AS DATE) > try_cast(s.start_date AS DATE)
    GROUP BY s.subscription_id
)
SELECT s.subscription_id,
       s.account_id,
       s.start_date AS started_at,
       CASE WHEN c.churned_at IS NULL OR try_cast(s.end_date AS DATE) < c.churned_at
            THEN s.end_date ELSE CAST(c.churned_at AS VARCHAR) END AS ended_at,
       CASE WHEN c.churned_at IS NULL OR try_cast(s.end_date AS DATE) < c.churned_at
            THEN 'cancelled' ELSE c.reason_code END AS end_reason,
       s.plan_tier AS plan,
       s.mrr_amount AS mrr,
       'USD' AS currency,
       s.seats,
       CASE s.billing_frequency WHEN 'annual' THEN 12 ELSE 1 END AS term_months
FROM ravenstack_subscriptions AS s
LEFT JOIN churned AS c ON c.subscription_id = s.subscription_id
