"""Contract features: plan, MRR, seats, prices, terms and tenure. They are context of a score, never a reason for it."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import named, rows_of

subscriptions = rows_of("subscriptions")
active = subscriptions.still("ended_at")
mrr = active.sum("mrr")
seats = active.sum("seats")

CONTRACT = (
    Feature("plan", "Plan of the paid subscription; the newest where several run", family="contract",
            level="relationship", unit="text", measure=active.above(mrr=0).latest("plan"),
            null_means="no plan is stated", feeds=True),
    Feature("mrr", "Monthly recurring revenue", family="contract", level="relationship", unit="money/month",
            measure=mrr, change=90, feeds=True),
    Feature("seats", "Seats paid for", family="contract", level="relationship", unit="count", measure=seats,
            change=90, feeds=True),
    Feature("price_per_seat", "Monthly recurring revenue per seat", family="contract", level="relationship",
            unit="money/month", measure=named("mrr") / named("seats"), change=90, null_means="no seats are stated",
            feeds=True),
    Feature("discount_share", "Discount, of the price before it", family="contract", level="relationship",
            unit="share", measure=active.sum("discount") / (active.sum("discount") + mrr), change=90,
            null_means="nothing is paid", feeds=True),
    Feature("subscriptions_active", "Subscriptions running", family="contract", level="relationship", unit="count",
            measure=active.above(mrr=0).count(), change=90, feeds=True),
    Feature("term_months", "Length of the longest running term, in months", family="contract",
            level="relationship", unit="count", measure=active.largest("term_months"),
            null_means="no term is stated", feeds=True),
    Feature("days_to_renewal", "Days to the next renewal", family="contract", level="relationship", unit="days",
            measure=active.days_until("renews_at", every_months="term_months"),
            null_means="no renewal date is known", feeds=True),
    Feature("tenure_days", "Days since the account was created", family="contract", level="relationship",
            unit="days", measure=rows_of("accounts").days_since_first(), feeds=True),
)  # fmt: skip
