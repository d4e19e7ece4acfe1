"""Every contract card by hand: subscriptions, seats, terms and tenure, and the value of each of the card's columns."""

from __future__ import annotations

import pytest

from tests.features.catalogue.rows import (
    AS_OF,
    RECORDED_LATE,
    ComputeExample,
    Example,
    account,
    ago,
    subscription,
    subscriptions,
)

END_ANNOUNCED = {"end_recorded_at": ago(20)}

EXAMPLES = [
    Example(
        "plan", "of the newest paid subscription that runs",
        subscriptions(subscription(400, plan="basic", mrr=5), subscription(90, plan="pro", mrr=9),
                      subscription(30, 3, plan="ended", mrr=9), subscription(20, plan="free"),
                      subscription(10, plan="unknown yet", mrr=9, **RECORDED_LATE), subscription(5, mrr=1)),
        {"plan": "pro"},
    ),
    Example("plan", "none is stated", subscriptions(subscription(400, mrr=5)), {"plan": None}),
    Example(
        "mrr", "what runs at as_of, against 90 days before",
        subscriptions(subscription(400, mrr=50), subscription(89, mrr=20), subscription(100, 10, mrr=7),
                      subscription(100, AS_OF, mrr=3, **END_ANNOUNCED)),
        # 90 days ago: 50, 7 and 3.
        {"mrr": 73, "mrr_change_90": 73 - 60},
    ),
    Example(
        "mrr", "an end that nobody has written down, and a beginning that somebody has",
        subscriptions(subscription(400, 10, mrr=50, end_recorded_at=AS_OF),
                      subscription(-5, mrr=9, recorded_at=ago(30))),
        {"mrr": 50, "mrr_change_90": 0},
    ),
    Example(
        "seats", "of all that runs, and since 90 days ago",
        subscriptions(subscription(400, seats=5), subscription(100, 30, seats=2), subscription(80, seats=4),
                      subscription(9)),
        {"seats": 9, "seats_change_90": 9 - 7},
    ),
    Example(
        "price_per_seat", "of all that runs",
        subscriptions(subscription(400, mrr=60, seats=4), subscription(10, mrr=40, seats=1)),
        {"price_per_seat": 100 / 5, "price_per_seat_change_90": 20 - 60 / 4},
    ),
    Example(
        "price_per_seat", "no seats are stated",
        subscriptions(subscription(400, mrr=60)),
        {"price_per_seat": None, "price_per_seat_change_90": None},
    ),
    Example(
        "discount_share", "of the price before it",
        subscriptions(subscription(400, 50, mrr=90, discount=10), subscription(50, mrr=60, discount=20)),
        {"discount_share": 20 / 80, "discount_share_change_90": 0.25 - 10 / 100},
    ),
    Example(
        "discount_share", "nothing is paid",
        subscriptions(subscription(400, 50, mrr=90, discount=10)),
        {"discount_share": None},
    ),
    Example(
        "subscriptions_active", "a free plan is none",
        subscriptions(subscription(400, mrr=5), subscription(300, 80, mrr=5), subscription(300), subscription(9, mrr=1),
                      subscription(9, **RECORDED_LATE, mrr=1)),
        {"subscriptions_active": 2, "subscriptions_active_change_90": 2 - 2},
    ),
    Example(
        "term_months", "the longest of those that run",
        subscriptions(subscription(400, term_months=1), subscription(400, term_months=12),
                      subscription(400, 5, term_months=24), subscription(9)),
        {"term_months": 12},
    ),
    Example("term_months", "no term is stated", subscriptions(subscription(9)), {"term_months": None}),
    Example(
        "days_to_renewal", "the nearest ahead",
        subscriptions(subscription(400, renews_at=ago(-45)), subscription(400, renews_at=ago(-12.5)),
                      subscription(400, 5, renews_at=ago(-1))),
        {"days_to_renewal": 12.5},
    ),
    Example(
        "days_to_renewal", "a passed one comes again after its term",
        subscriptions(subscription(400, renews_at=ago(300), term_months=12)),
        {"days_to_renewal": 365.25 - 300},
    ),
    Example(
        "days_to_renewal", "no date is known",
        subscriptions(subscription(400, term_months=1)),
        {"days_to_renewal": None},
    ),
    Example("tenure_days", "since the account was created", account(366.25), {"tenure_days": 366.25}),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_contract_card_as_computed_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
