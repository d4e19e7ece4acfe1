"""Every purchase feature by hand: recency, frequency, regularity, basket and spend; for each column."""

from __future__ import annotations

from math import log

import pytest

from tests.features.catalogue.rows import (
    RECORDED_LATE,
    ComputeExample,
    Example,
    account,
    attempted,
    faded,
    observed,
    payments,
)

LATE = attempted(True, 1, amount=99, **RECORDED_LATE)
FAILED = attempted(False, 2, amount=99)
THREE = {
    **account(200),
    **payments(attempted(True, 200, amount=10), attempted(True, 80, amount=20), attempted(True, 20, amount=60)),
}

EXAMPLES = [
    Example("days_since_purchase", "failed and late recorded payments are none",
            payments(attempted(True, 30, 12.5), FAILED, LATE), {"days_since_purchase": 12.5}),
    Example("days_since_purchase", "nothing was bought", payments(FAILED), {"days_since_purchase": None}),
    Example("days_since_first_purchase", "however long ago", payments(attempted(True, 900, 10)),
            {"days_since_first_purchase": 900}),
    Example("days_since_first_purchase", "nothing was bought", payments(FAILED), {"days_since_first_purchase": None}),
    Example("purchase_days", "two receipts of a day are one",
            payments(attempted(True, 10.2, 10.4, 50, 120), FAILED, LATE),
            {"purchase_days_30": 1, "purchase_days_90": 2, "purchase_days_365": 3, "purchase_days_trend_90": 1}),
    Example("purchase_days_ever", "all history", payments(attempted(True, 900, 400.1, 400.2, 10), FAILED, LATE),
            {"purchase_days_ever": 3}),
    Example("purchase_gap", "from first to last, over the days with a purchase", THREE, {"purchase_gap": 90}),
    Example("purchase_gap", "one purchase has no gap", payments(attempted(True, 20)), {"purchase_gap": None}),
    Example("purchase_lateness", "days since the last, in gaps", THREE, {"purchase_lateness": 20 / 90}),
    Example("purchase_lateness", "one purchase has no gap", payments(attempted(True, 20)), {"purchase_lateness": None}),
    Example("purchases_against_usual", "the pace of a month against that of a year", THREE, {
        "purchases_against_usual": log(
            (faded(30, 20, 80, 200) + 1)
            / (faded(365, 20, 80, 200) * observed(30, 200) / observed(365, 200) + 1)
        )
    }),
    Example("purchase_pace_usual", "per day observed", THREE,
            {"purchase_pace_usual": faded(180, 20, 80, 200) / observed(180, 200)}),
    Example("spend", "what was bought, not what failed", payments(
        attempted(True, 20, amount=60), attempted(True, 100, amount=20), attempted(True, 300, amount=5), FAILED, LATE,
    ), {"spend_90": 60, "spend_365": 85, "spend_trend_90": 40}),
    Example("basket", "the mean of its amounts", THREE, {"basket_90": 40, "basket_365": 30}),
    Example("basket", "nothing was bought", payments(FAILED), {"basket_90": None, "basket_365": None}),
    Example("basket_usual", "older purchases count less", THREE, {
        "basket_usual": sum(amount * faded(365, age) for age, amount in ((200, 10), (80, 20), (20, 60)))
        / faded(365, 200, 80, 20)
    }),
    Example("basket_last", "the newest amount", THREE, {"basket_last": 60}),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_purchase_features_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
