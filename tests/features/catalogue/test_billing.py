"""Every billing feature by hand: subscriptions, list prices, payment cards, invoices, payments; for each column."""

from __future__ import annotations

import pytest

from tests.features.catalogue.rows import (
    AS_OF,
    JUST_BEFORE,
    RECORDED_LATE,
    ComputeExample,
    Example,
    ago,
    announced,
    attempted,
    card,
    cards,
    invoice,
    invoices,
    just_over,
    list_price_step,
    list_price_steps,
    payments,
    planned,
    subscription,
    subscriptions,
)

END_ANNOUNCED = {"end_recorded_at": ago(20)}

EXAMPLES = [
    Example(
        "mrr_expansion", "what was gained, on balance",
        subscriptions(subscription(400, 30, mrr=50), subscription(30, mrr=80)),
        {"mrr_expansion": 30},
    ),
    Example("mrr_expansion", "never below 0", subscriptions(subscription(400, 30, mrr=50)), {"mrr_expansion": 0}),
    Example(
        "mrr_contraction", "what was lost, on balance",
        subscriptions(subscription(400, 30, mrr=50), subscription(30, mrr=45)),
        {"mrr_contraction": 5},
    ),
    Example("mrr_contraction", "never below 0", subscriptions(subscription(30, mrr=50)), {"mrr_contraction": 0}),
    Example(
        "price_rise", "per seat, against 90 days before",
        subscriptions(subscription(400, 50, mrr=80, seats=4), subscription(50, mrr=110, seats=5)),
        {"price_rise": 22 / 20 - 1},
    ),
    Example(
        "price_rise", "more seats at the same price are no rise",
        subscriptions(subscription(400, mrr=80, seats=4), subscription(50, mrr=80, seats=4)),
        {"price_rise": 0.0},
    ),
    Example(
        "price_rise", "nothing was paid 90 days before",
        subscriptions(subscription(89, mrr=80, seats=4)),
        {"price_rise": None},
    ),
    Example(
        "subscriptions_ended", "by the day of the end, once it is known",
        subscriptions(subscription(400, 90), subscription(400, 1), subscription(400, 91),
                      subscription(400, 9, end_recorded_at=AS_OF),
                      subscription(400, -9, **END_ANNOUNCED)),
        {"subscriptions_ended_90": 2},
    ),
    Example(
        "subscriptions_begun", "the first, and each change",
        subscriptions(subscription(365, 100), subscription(100, 90), subscription(90, 3), subscription(3)),
        {"subscriptions_begun_90": 2, "subscriptions_begun_365": 4},
    ),
    Example(
        "mrr_ending", "what is known at as_of to end at as_of or later",
        planned(announced("end", 400, -9, mrr=50), announced("end", 9, AS_OF, mrr=7),
                announced("end", 9, JUST_BEFORE, mrr=1000), announced("end", 9, -3, mrr=1000, **RECORDED_LATE),
                announced("pause", 9, -3, mrr=1000), announced("start", 9, -3, mrr=1000)),
        {"mrr_ending": 57},
    ),
    Example(
        "mrr_ending", "a notice that was taken back counts until then",
        planned(announced("end", 20, -9, mrr=50, superseded_at=JUST_BEFORE),
                announced("end", 20, -9, mrr=7, superseded_at=AS_OF)),
        {"mrr_ending": 7},
    ),
    Example(
        "mrr_pausing", "pauses only",
        planned(announced("pause", 9, -3, mrr=30), announced("pause", 9, 2, mrr=9), announced("end", 9, -3)),
        {"mrr_pausing": 30},
    ),
    Example(
        "mrr_starting", "starts only",
        planned(announced("start", 9, -3, mrr=30), announced("start", 9, -30, mrr=5), announced("end", 9, -3)),
        {"mrr_starting": 35},
    ),
    Example(
        "days_to_announced_end", "the nearest ahead",
        planned(announced("end", 9, -12.5), announced("end", 9, -40), announced("end", 9, 1),
                announced("pause", 9, -1)),
        {"days_to_announced_end": 12.5},
    ),
    Example("days_to_announced_end", "none is announced", planned(announced("start", 9, -3)),
            {"days_to_announced_end": None}),
    Example(
        "days_to_last_announced_end", "the furthest ahead",
        planned(announced("end", 9, -12.5), announced("end", 9, -40), announced("end", 9, 50),
                announced("start", 9, -60)),
        {"days_to_last_announced_end": 40},
    ),
    Example("days_to_last_announced_end", "one at as_of is 0 days ahead", planned(announced("end", 9, AS_OF)),
            {"days_to_last_announced_end": 0}),
    Example(
        "days_to_announced_pause", "the nearest ahead",
        planned(announced("pause", 9, -30), announced("pause", 9, -60), announced("end", 9, -3)),
        {"days_to_announced_pause": 30},
    ),
    Example(
        "days_to_announced_start", "the nearest ahead",
        planned(announced("start", 9, -60), announced("start", 9, -90), announced("pause", 9, -3)),
        {"days_to_announced_start": 60},
    ),
    Example(
        "list_price_rise", "of what took effect in 90 days, less the cuts",
        list_price_steps(list_price_step(0.1, 120, 90), list_price_step(0.25, 9, JUST_BEFORE),
                         list_price_step(-0.05, 60, 30), list_price_step(7, 120, just_over(90)),
                         list_price_step(7, 9, AS_OF), list_price_step(7, 40, 20, **RECORDED_LATE),
                         list_price_step(7, 40, 20, superseded_at=JUST_BEFORE)),
        {"list_price_rise_90": 0.1 + 0.25 - 0.05},
    ),
    Example("list_price_rise", "nothing happened", list_price_steps(), {"list_price_rise_90": 0}),
    Example(
        "days_to_list_price_step", "the nearest ahead",
        list_price_steps(list_price_step(0.1, 30, -45), list_price_step(0.2, 30, -12.5), list_price_step(0.3, 30, 2),
                         list_price_step(0.4, 30, -3, **RECORDED_LATE)),
        {"days_to_list_price_step": 12.5},
    ),
    Example("days_to_list_price_step", "one at as_of is 0 days ahead",
            list_price_steps(list_price_step(0.1, 30, AS_OF)), {"days_to_list_price_step": 0}),
    Example("days_to_list_price_step", "none is announced", list_price_steps(list_price_step(0.1, 30, 2)),
            {"days_to_list_price_step": None}),
    Example(
        "list_price_step_ahead", "the largest that is known",
        list_price_steps(list_price_step(0.1, 30, -45), list_price_step(0.2, 30, -12.5), list_price_step(0.3, 30, 2),
                         list_price_step(0.4, 30, -3, **RECORDED_LATE)),
        {"list_price_step_ahead": 0.2},
    ),
    Example("list_price_step_ahead", "a cut is below 0", list_price_steps(list_price_step(-0.1, 30, -45)),
            {"list_price_step_ahead": -0.1}),
    Example("list_price_step_ahead", "none is announced", list_price_steps(list_price_step(0.1, 30, JUST_BEFORE)),
            {"list_price_step_ahead": None}),
    Example(
        "days_to_card_expiry", "the last of those on file",
        cards(card(700, -12), card(300, -62), card(9, -900, removed_at=JUST_BEFORE), card(9, 30),
              card(9, -900, **RECORDED_LATE), card(9, -800, superseded_at=JUST_BEFORE), card(9, None)),
        {"days_to_card_expiry": 62},
    ),
    Example(
        "days_to_card_expiry", "a card that is removed at as_of is still on file",
        cards(card(700, -12, removed_at=AS_OF)),
        {"days_to_card_expiry": 12},
    ),
    Example("days_to_card_expiry", "the moment of expiry is 0 days ahead", cards(card(700, AS_OF)),
            {"days_to_card_expiry": 0}),
    Example("days_to_card_expiry", "it has expired", cards(card(700, JUST_BEFORE)), {"days_to_card_expiry": None}),
    Example("days_to_card_expiry", "no card", cards(), {"days_to_card_expiry": None}),
    Example(
        "card_expired", "every card on file has",
        cards(card(700, JUST_BEFORE), card(900, 400), card(9, -900, removed_at=ago(3))),
        {"card_expired": 1},
    ),
    Example("card_expired", "one is valid", cards(card(700, 30), card(30, AS_OF), card(9, -60)), {"card_expired": 0}),
    Example("card_expired", "a card without a date may be valid", cards(card(700, 30), card(30, None)),
            {"card_expired": 0}),
    Example("card_expired", "a new date written after as_of is not known yet",
            cards(card(700, 30, superseded_at=AS_OF), card(700, -1000, **RECORDED_LATE)), {"card_expired": 1}),
    Example("card_expired", "no date is stated", cards(card(30, None)), {"card_expired": None}),
    Example("card_expired", "no card is on file", cards(card(300, 30, removed_at=ago(3))), {"card_expired": None}),
    Example(
        "days_since_plan_change", "since the newest of those that run began",
        subscriptions(subscription(400, 200), subscription(200), subscription(9, 3)),
        {"days_since_plan_change": 200},
    ),
    Example(
        "days_since_plan_change", "none runs",
        subscriptions(subscription(400, 200)),
        {"days_since_plan_change": None},
    ),
    Example(
        "failed_payments", "per window",
        payments(attempted(False, 1, 7, 30, 31, 90), attempted(True, 1), attempted(False, 1, **RECORDED_LATE)),
        {"failed_payments_7": 2, "failed_payments_30": 3, "failed_payments_90": 5, "failed_payments_trend_30": 3 - 1},
    ),
    Example(
        "failed_payment_share", "of all attempts",
        payments(attempted(False, 1, 2, 40), attempted(True, 3, 4, 5, 41)),
        {"failed_payment_share_30": 2 / 5, "failed_payment_share_90": 3 / 7,
        "failed_payment_share_trend_30": 2 / 5 - 1 / 2},
    ),
    Example("in_dunning", "the last one failed", payments(attempted(True, 30), attempted(False, 3)), {"in_dunning": 1}),
    Example("in_dunning", "the last one went through", payments(attempted(False, 30), attempted(True, 3)),
            {"in_dunning": 0}),
    Example(
        "failed_payments", "a refund, a chargeback and a bill of 0 are no attempts",
        payments(*[attempted(False, 1, kind=kind) for kind in ("refund", "chargeback", "zero")], attempted(False, 2)),
        {"failed_payments_30": 1},
    ),
    Example(
        "failed_payment_share", "of attempts only",
        payments(attempted(False, 1), attempted(True, 2), attempted(True, 3, 4, kind="refund"),
                 attempted(True, 5, kind="zero"), attempted(False, 6, kind="chargeback")),
        {"failed_payment_share_30": 1 / 2},
    ),
    Example(
        "in_dunning", "money given back after the failed attempt settles nothing",
        payments(attempted(False, 3), attempted(True, 2, kind="refund"), attempted(True, 1, kind="zero")),
        {"in_dunning": 1},
    ),
    Example("in_dunning", "no attempt in 90 days", payments(attempted(False, just_over(90))), {"in_dunning": None}),
    Example(
        "days_since_failed_payment", "whatever went through since",
        payments(attempted(False, 200, 12), attempted(True, 3)),
        {"days_since_failed_payment": 12},
    ),
    Example(
        "days_since_failed_payment", "none in a year",
        payments(attempted(False, 366)),
        {"days_since_failed_payment": None},
    ),
    Example(
        "days_since_payment", "whatever failed since",
        payments(attempted(True, 730, 500), attempted(False, 3)),
        {"days_since_payment": 500},
    ),
    Example(
        "days_since_payment", "a refund and a bill of 0 are none",
        payments(attempted(True, 9), attempted(True, 3, kind="refund"), attempted(True, 2, kind="zero")),
        {"days_since_payment": 9},
    ),
    Example("days_since_payment", "none in two years", payments(attempted(True, 731)), {"days_since_payment": None}),
    Example(
        "invoices_overdue", "due before as_of and not paid before it",
        invoices(invoice(40, due=JUST_BEFORE), invoice(40, due=AS_OF), invoice(40, due=20, paid=AS_OF),
                 invoice(40, due=20, paid=JUST_BEFORE),
                 invoice(40, due=None), invoice(366, due=300),
                 invoice(40, due=20, amount=0), invoice(40, due=20, amount=-1),
                 invoice(40, due=20, closed_at=JUST_BEFORE)),
        {"invoices_overdue": 2},
    ),
    Example(
        "overdue_amount", "now and 30 days ago",
        invoices(invoice(90, due=60, amount=100), invoice(90, due=60, paid=20, amount=40),
                 invoice(40, due=10, amount=7),
                 invoice(9, due=-5)),
        {"overdue_amount": 107, "overdue_amount_change_30": 107 - 140},
    ),
    Example(
        "overdue_amount", "less the credit notes that are neither used nor closed, but never below 0",
        invoices(invoice(90, due=60, amount=100), invoice(50, due=50, amount=-30), invoice(40, due=None, amount=-5),
                 invoice(40, due=39, paid=38, amount=-7), invoice(35, due=35, amount=-9, closed_at=ago(31)),
                 invoice(20, due=20, amount=-500)),
        {"overdue_amount": 0, "overdue_amount_change_30": 0 - (100 - 35)},
    ),
    Example(
        "overdue_amount", "a bill that was voided or written off is none, once that is known",
        invoices(invoice(90, due=60, amount=100, closed_at=ago(20), closed_reason="void"),
                 invoice(90, due=60, amount=40, closed_at=AS_OF, closed_reason="uncollectible")),
        {"overdue_amount": 40, "overdue_amount_change_30": 40 - 140},
    ),
    Example(
        "days_overdue", "of bills that are open and above 0",
        invoices(invoice(90, due=60, amount=-5), invoice(90, due=50, amount=0), invoice(90, due=9),
                 invoice(90, due=40, closed_at=ago(30))),
        {"days_overdue": 9},
    ),
    Example(
        "days_overdue", "since the oldest was due",
        invoices(invoice(90, due=60, paid=20), invoice(90, due=31.5), invoice(40, due=10), invoice(900, due=366)),
        {"days_overdue": 31.5},
    ),
    Example(
        "days_overdue", "nothing is overdue",
        invoices(invoice(90, due=60, paid=20), invoice(9, due=-5)),
        {"days_overdue": None},
    ),
    Example(
        "days_late", "early is below 0; by the day it was paid",
        invoices(invoice(90, due=30, paid=25), invoice(40, due=10, paid=12), invoice(200, due=180, paid=100),
                 invoice(300, due=280, paid=280),
                 invoice(9, due=None, paid=3), invoice(40, due=20)),
        # 90 days: 5 late and 2 early. before, [180, 90): 80 late. A bill without a due date is neither.
        {"days_late_90": (5 - 2) / 2, "days_late_365": (5 - 2 + 80 + 0) / 4, "days_late_trend_90": 1.5 - 80},
    ),
    Example(
        "days_late", "a credit note and a bill of 0 are never late",
        invoices(invoice(90, due=30, paid=25), invoice(90, due=30, paid=10, amount=-5),
                 invoice(90, due=30, paid=20, amount=0)),
        {"days_late_90": 5},
    ),
    Example(
        "refunds", "and nothing else",
        payments(attempted(True, 1, 40, kind="refund"), attempted(True, 1, kind="zero"), attempted(True, 1),
                 attempted(True, 1, kind="chargeback")),
        {"refunds_30": 1, "refunds_90": 2},
    ),
    Example(
        "refunded_amount", "as an amount above 0",
        payments(*[attempted(True, when, amount=amount, kind="refund") for when, amount in
                   ((1, -5), (90, -2.5), (91, -99), (2, None))],
                 attempted(True, 1, amount=50), attempted(True, 1, amount=-20, kind="chargeback")),
        {"refunded_amount_90": 7.5},
    ),
    Example(
        "refunded_amount", "a source may write a refund without a sign",
        payments(attempted(True, 1, amount=-5, kind="refund"), attempted(True, 1, amount=3, kind="refund")),
        {"refunded_amount_90": 8},
    ),
    Example(
        "chargebacks", "per window",
        payments(attempted(True, 90, 91, 365, just_over(365), kind="chargeback"), attempted(True, 1, kind="refund")),
        {"chargebacks_90": 1, "chargebacks_365": 3},
    ),
    Example(
        "charged_back_amount", "as an amount above 0",
        payments(*[attempted(False, when, amount=amount, kind="chargeback") for when, amount in
                   ((1, -50), (365, 20), (366, -9))], attempted(True, 1, amount=-5, kind="refund")),
        {"charged_back_amount_365": 70},
    ),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_billing_card_as_computed_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
