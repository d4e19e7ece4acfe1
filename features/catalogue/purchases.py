"""Purchase features, for customers who buy without a contract: recency, frequency, regularity, basket, spend.

A purchase is a payment that went through. Days are counted, so that two receipts of a day are one purchase.
"""

from __future__ import annotations

from undertow.features.catalogue.billing import attempts
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Combination, Deviation, named

bought = attempts.where(succeeded=True)
days_bought = bought.distinct_days()
further_days = Combination(((1.0, days_bought),), constant=-1.0)

REPLACED = ("days_since_payment",)  # cards of payments that say the same as one of purchases

PURCHASES = (
    Feature("days_since_purchase", "Days since the last purchase", family="usage", level="relationship", unit="days",
            measure=bought.days_since_last(), null_means="nothing was bought", good="low", feeds=True),
    Feature("days_since_first_purchase", "Days since the first purchase", family="usage", level="relationship",
            unit="days", measure=bought.days_since_first(), null_means="nothing was bought", feeds=True),
    Feature("purchase_days", "Days with a purchase", family="usage", level="relationship", unit="days",
            measure=days_bought, windows=(30, 90, 365), trend=90, good="high", feeds=90),
    Feature("purchase_days_ever", "Days with a purchase since the first", family="usage", level="relationship",
            unit="days", measure=days_bought, good="high", feeds=True),
    Feature("purchase_gap", "Mean days from one purchase to the next", family="usage", level="relationship",
            unit="days", measure=(named("days_since_first_purchase") - named("days_since_purchase")) / further_days,
            null_means="fewer than two purchases", feeds=True),
    Feature("purchase_lateness", "Days since the last purchase, per mean days from one purchase to the next",
            family="usage", level="relationship", unit="share",
            measure=named("days_since_purchase") / named("purchase_gap"),
            null_means="fewer than two purchases", good="low", feeds=True, deviates=True),
    Feature("purchases_against_usual", "Purchases against the account's own usual pace: purchases count half after a "
            "month, in the usual after a year", family="usage", level="relationship", unit="log ratio",
            measure=Deviation(bought.count().fading(30), bought.count().fading(365), 1.0),
            null_means="not observed yet", good="high", feeds=True, deviates=True),
    Feature("purchase_pace_usual", "Purchases per day, usual for the account: purchases count half after six months",
            family="usage", level="relationship", unit="per day", measure=bought.count().fading(180).per_day(),
            null_means="not observed yet", good="high", feeds=True),
    Feature("spend", "Amount bought", family="usage", level="relationship", unit="money", measure=bought.sum("amount"),
            windows=(90, 365), trend=90, good="high", feeds=365),
    Feature("basket", "Mean amount per purchase", family="usage", level="journey", unit="money",
            measure=bought.mean("amount"), windows=(90, 365), null_means="nothing was bought", feeds=365),
    Feature("basket_usual", "Amount per purchase, usual for the account: purchases count half after a year",
            family="usage", level="relationship", unit="money", measure=bought.mean("amount").fading(365),
            null_means="nothing was bought", feeds=True),
    Feature("basket_last", "Amount of the last purchase", family="usage", level="journey", unit="money",
            measure=bought.latest("amount"), null_means="nothing was bought"),
)  # fmt: skip
