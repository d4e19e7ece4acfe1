"""What is paid, when it renews, and whether the card goes through."""

from __future__ import annotations

from features.definition import Feature, rows_of

subscriptions = rows_of("subscriptions")
active = subscriptions.still("ended_at")
payments = rows_of("payments")
failed_payments = payments.where(succeeded=False)
invoices = rows_of("invoices")
overdue = invoices.still("paid_at").past("due_at")

FEATURES = (
    Feature("mrr", "Monthly recurring revenue", family="billing", level="relationship", unit="money/month",
            measure=active.sum("mrr"), change=90),
    Feature("subscriptions_active", "Subscriptions running", family="billing", level="relationship", unit="count",
            measure=active.above(mrr=0).count(), change=90),
    Feature("subscriptions_ended", "Subscriptions ended", family="billing", level="relationship", unit="count",
            measure=subscriptions.timed_by("ended_at").count(), windows=(90,), good="low"),
    Feature("term_months", "Length of the longest running term, in months", family="billing",
            level="relationship", unit="count", measure=active.largest("term_months"),
            null_means="no term is stated"),
    Feature("days_to_renewal", "Days to the next renewal", family="billing", level="relationship", unit="days",
            measure=active.days_until("renews_at", every_months="term_months"), null_means="no renewal date is known"),
    Feature("days_since_plan_change", "Days since the running subscription began", family="billing",
            level="relationship", unit="days", measure=active.days_since_last(),
            null_means="no running subscription"),
    Feature("failed_payments", "Payment attempts that failed", family="billing", level="journey", unit="count",
            measure=failed_payments.count(), windows=(7, 30, 90), good="low"),
    Feature("failed_payment_share", "Payment attempts that failed, of all", family="billing", level="journey",
            unit="share", measure=failed_payments.count() / payments.count(), windows=(30, 90),
            null_means="no payment attempt", good="low"),
    Feature("days_since_failed_payment", "Days since a payment last failed", family="billing", level="journey",
            unit="days", measure=failed_payments.days_since_last(), lookback=365,
            null_means="no failed payment in a year", good="high"),
    Feature("days_since_payment", "Days since a payment last went through", family="billing", level="journey",
            unit="days", measure=payments.where(succeeded=True).days_since_last(), lookback=730,
            null_means="no payment in two years", good="low"),
    Feature("invoices_overdue", "Invoices overdue", family="billing", level="journey", unit="count",
            measure=overdue.count(), lookback=365, good="low"),
    Feature("overdue_amount", "Amount overdue", family="billing", level="journey", unit="money",
            measure=overdue.sum("amount"), lookback=365, good="low"),
    Feature("refunds", "Refunds", family="billing", level="journey", unit="count",
            measure=payments.below(amount=0).count(), windows=(90,)),
)  # fmt: skip
