-- churn_flag, plan_tier and seats say how the account ended, not how it began: left out.
SELECT account_id,
       account_name AS name,
       signup_date AS created_at,
       industry AS segment,
       country,
       referral_source
FROM ravenstack_accounts
