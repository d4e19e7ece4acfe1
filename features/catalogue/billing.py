"""Billing features: changes of MRR and of prices, announced ones too, payment cards, payments, invoices, refunds."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.contract import active, mrr, seats, subscriptions
from undertow.features.catalogue.language import Combination, Rows, rows_of

planned = rows_of("planned_changes").still("takes_effect_at")
ends, pauses, starts = (planned.where(kind=kind) for kind in ("end", "pause", "start"))
price_steps = rows_of("price_steps")
steps_ahead = price_steps.still("takes_effect_at")
cards_on_file = rows_of("cards").still("removed_at")
dated_cards = cards_on_file.known("expires_at")
valid_cards = cards_on_file.still("expires_at")  # a card without a date is taken for valid
payments = rows_of("payments")
attempts = payments.where(kind="attempt")
failed_payments = attempts.where(succeeded=False)
refunds = payments.where(kind="refund")
chargebacks = payments.where(kind="chargeback")
invoices = rows_of("invoices")
unsettled = invoices.still("paid_at").still("closed_at")
overdue = unsettled.above(amount=0).past("due_at")
credit_notes = unsettled.below(amount=0)
paid = invoices.timed_by("paid_at").above(amount=0)
price_now = mrr / seats
price_before = mrr.earlier(90) / seats.earlier(90)


def _size(rows: Rows) -> Combination:
    """Return the sum of amounts without their signs: sources write money given back as above or below 0."""
    return rows.above(amount=0).sum("amount") - rows.below(amount=0).sum("amount")


BILLING = (
    Feature("mrr_expansion", "Monthly recurring revenue gained over 90 days", family="billing",
            level="relationship", unit="money/month", measure=(mrr - mrr.earlier(90)).at_least(0), feeds=True),
    Feature("mrr_contraction", "Monthly recurring revenue lost over 90 days", family="billing",
            level="relationship", unit="money/month", measure=(mrr.earlier(90) - mrr).at_least(0), good="low",
            feeds=True),
    Feature("price_rise", "Price per seat against 90 days before, as a share of it", family="billing",
            level="relationship", unit="share", measure=Combination(((1.0, price_now / price_before),), constant=-1.0),
            null_means="no price per seat, now or 90 days before", good="low", feeds=True, deviates=True),
    Feature("subscriptions_ended", "Subscriptions ended", family="billing", level="relationship", unit="count",
            measure=subscriptions.timed_by("ended_at").count(), windows=(90,), good="low"),
    Feature("subscriptions_begun", "Subscriptions begun: the first, and each change of plan or price",
            family="billing", level="relationship", unit="count", measure=subscriptions.count(), windows=(90, 365)),
    Feature("mrr_ending", "Monthly recurring revenue announced to end", family="billing", level="relationship",
            unit="money/month", measure=ends.sum("mrr"), good="low"),
    Feature("mrr_pausing", "Monthly recurring revenue announced to pause", family="billing", level="relationship",
            unit="money/month", measure=pauses.sum("mrr")),
    Feature("mrr_starting", "Monthly recurring revenue announced to start", family="billing", level="relationship",
            unit="money/month", measure=starts.sum("mrr"), good="high"),
    Feature("days_to_announced_end", "Days to the next announced end of a subscription", family="billing",
            level="relationship", unit="days", measure=ends.days_until("takes_effect_at"),
            null_means="no end is announced"),
    Feature("days_to_last_announced_end", "Days to the last announced end of a subscription", family="billing",
            level="relationship", unit="days", measure=ends.days_until_last("takes_effect_at"),
            null_means="no end is announced"),
    Feature("days_to_announced_pause", "Days to the next announced pause", family="billing", level="relationship",
            unit="days", measure=pauses.days_until("takes_effect_at"), null_means="no pause is announced"),
    Feature("days_to_announced_start", "Days to the next announced start of a subscription", family="billing",
            level="relationship", unit="days", measure=starts.days_until("takes_effect_at"),
            null_means="no start is announced"),
    Feature("list_price_rise", "Rise of list prices that took effect, added up over subscriptions", family="billing",
            level="relationship", unit="share", measure=price_steps.timed_by("takes_effect_at").sum("rise"),
            windows=(90,), good="low"),
    Feature("days_to_list_price_step", "Days to the next announced change of a list price", family="billing",
            level="relationship", unit="days", measure=steps_ahead.days_until("takes_effect_at"),
            null_means="no change of a list price is announced"),
    Feature("list_price_step_ahead", "Largest rise of a list price that is announced and not yet in effect",
            family="billing", level="relationship", unit="share", measure=steps_ahead.largest("rise"),
            null_means="no change of a list price is announced", good="low"),
    Feature("days_since_plan_change", "Days since the plan or its price changed, or since it began",
            family="billing", level="relationship", unit="days", measure=active.days_since_last(),
            null_means="no running subscription", feeds=True),
    Feature("days_to_card_expiry", "Days until the last valid payment card on file expires", family="billing",
            level="journey", unit="days", measure=cards_on_file.days_until_last("expires_at"),
            null_means="no card on file has an expiry date ahead", good="high"),
    Feature("card_expired", "Whether every payment card on file has expired (1) or not (0)", family="billing",
            level="journey", unit="share",
            measure=(dated_cards.count() / dated_cards.count() - valid_cards.count()).at_least(0),
            null_means="no card on file states when it expires", good="low"),
    Feature("failed_payments", "Payment attempts that failed", family="billing", level="journey", unit="count",
            measure=failed_payments.count(), windows=(7, 30, 90), trend=30, good="low", feeds=90),
    Feature("failed_payment_share", "Payment attempts that failed, of all", family="billing", level="journey",
            unit="share", measure=failed_payments.count() / attempts.count(), windows=(30, 90), trend=30,
            null_means="no payment attempt", good="low", feeds=90),
    Feature("in_dunning", "Whether the last payment attempt failed (1) or not (0)", family="billing",
            level="journey", unit="share", measure=1 - attempts.latest("succeeded"), lookback=90,
            null_means="no payment attempt in 90 days", good="low", feeds=True),
    Feature("days_since_failed_payment", "Days since a payment last failed", family="billing", level="journey",
            unit="days", measure=failed_payments.days_since_last(), lookback=365,
            null_means="no failed payment in a year", good="high", feeds=True),
    Feature("days_since_payment", "Days since a payment last went through", family="billing", level="journey",
            unit="days", measure=attempts.where(succeeded=True).days_since_last(), lookback=730,
            null_means="no payment in two years", good="low"),
    Feature("invoices_overdue", "Invoices overdue", family="billing", level="journey", unit="count",
            measure=overdue.count(), lookback=365, good="low", feeds=True),
    Feature("overdue_amount", "Amount overdue, less open credit notes", family="billing", level="journey",
            unit="money", measure=(overdue.sum("amount") + credit_notes.sum("amount")).at_least(0), lookback=365,
            change=30, good="low"),
    Feature("days_overdue", "Days since the oldest overdue invoice was due", family="billing", level="journey",
            unit="days", measure=overdue.timed_by("due_at").days_since_first(), lookback=365,
            null_means="nothing is overdue", good="low", feeds=True),
    Feature("days_late", "Mean days from due to paid, of invoices paid; early is below 0", family="billing",
            level="journey", unit="days", measure=(1 / 24) * paid.hours_between("due_at", "paid_at"),
            windows=(90, 365), trend=90, null_means="no invoice with a due date was paid", good="low", feeds=365),
    Feature("refunds", "Refunds", family="billing", level="journey", unit="count",
            measure=refunds.count(), windows=(30, 90)),
    Feature("refunded_amount", "Amount refunded", family="billing", level="journey", unit="money",
            measure=_size(refunds), windows=(90,)),
    Feature("chargebacks", "Chargebacks: payments that the customer had the bank reverse", family="billing",
            level="journey", unit="count", measure=chargebacks.count(), windows=(90, 365), good="low"),
    Feature("charged_back_amount", "Amount charged back by the customer's bank", family="billing",
            level="journey", unit="money", measure=_size(chargebacks), windows=(365,), good="low"),
)  # fmt: skip
