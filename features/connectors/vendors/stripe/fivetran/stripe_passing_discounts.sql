-- Discounts of subscriptions that do not last: those of coupons for once or for some months.
SELECT d.subscription_id, CAST(d.start AS TIMESTAMPTZ) AS starts_at, CAST(d."end" AS TIMESTAMPTZ) AS ends_at
FROM stripe_subscription_discount AS d
JOIN stripe_coupon AS c ON c.id = d.coupon_id
WHERE c.duration <> 'forever'
