"""The MRR of each coming month by what is announced, and the lifetime value that follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from undertow.features.settings import Value
from undertow.training.examples.announced import Announced
from undertow.training.examples.person_periods import DAYS_A_MONTH
from undertow.training.value.planned import leaves_on, planned_mrr
from undertow.training.value.subscription import lifetime_value, months_ahead, value_if_staying

ENDS = (30, 60, 90, 180, 360)
PLAIN = Value(margin=1.0, discount_rate=0.0)
SURE = np.ones((1, 5))
NAMES = ("ending", "pausing", "starting", "first_end", "last_end", "pause", "start")


def known(mrr: float = 100.0, **changes: float) -> Announced:
    days = dict.fromkeys(("first_end", "last_end", "pause", "start"), float("nan"))
    changes = {"ending": 0.0, "pausing": 0.0, "starting": 0.0, **days, **changes}
    return Announced(np.array([mrr]), *(np.array([changes[name]]) for name in NAMES))


def ends(mrr: float, day: float, **more: float) -> Announced:
    return known(ending=mrr, first_end=day, last_end=day, **more)


def months(plan: Announced, probability: float = 1.0) -> list[float]:
    return [round(float(mrr), 9) for mrr in planned_mrr(plan, probability, 4)[0]]


def clv(plan: Announced, survival: np.ndarray = SURE, probability: float = 1.0) -> float:
    mrr = planned_mrr(plan, probability, PLAIN.months)
    return float(lifetime_value(survival, ENDS, months_ahead(mrr, PLAIN, leaves_on(plan)))[0])


HALF, MONTH = DAYS_A_MONTH / 2, DAYS_A_MONTH


def test_where_nothing_is_announced_every_month_has_the_mrr_of_today() -> None:
    assert months(known()) == [100] * 4


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (ends(100, HALF), [50, 0, 0, 0]),
        (ends(100, 0), [0, 0, 0, 0]),
        (ends(100, 2 * MONTH), [100, 100, 0, 0]),
        (ends(100, 1000), [100] * 4),
        (ends(40, MONTH + HALF), [100, 80, 60, 60]),
        (ends(100, MONTH, starting=50, start=MONTH), [100, 50, 50, 50]),  # a downgrade
        (known(starting=20, start=HALF), [110, 120, 120, 120]),  # an upgrade
        (known(pausing=100, pause=MONTH), [100, 0, 0, 0]),
        (known(pausing=100, pause=MONTH, starting=100, start=3 * MONTH), [100, 0, 0, 100]),
        (known(pausing=100, pause=HALF, starting=100, start=MONTH), [50, 100, 100, 100]),
        (known(ending=100, first_end=0, last_end=2 * MONTH), [100, 0, 0, 0]),  # the middle stands for both
        (ends(300, MONTH), [100, 0, 0, 0]),  # never below 0
    ],
)
def test_a_month_counts_by_the_share_of_it_in_which_mrr_is_paid(plan: Announced, expected: list[float]) -> None:
    assert months(plan) == expected


def test_a_notice_that_is_not_always_followed_leaves_the_rest_of_the_mrr() -> None:
    assert months(ends(100, MONTH), probability=0.9) == [100, 10, 10, 10]
    assert months(ends(40, MONTH), probability=0.9) == [100, 60, 60, 60]  # any other change is sure


@pytest.mark.parametrize("days", [9, 19, 45.5, 200])
def test_a_customer_who_leaves_in_some_days_is_worth_these_days(days: float) -> None:
    assert clv(ends(100, days)) == pytest.approx(100 * days / MONTH)


def test_the_days_before_an_announced_end_are_discounted_by_the_chance_to_leave_even_earlier() -> None:
    survival = np.exp(-0.01 * np.array(ENDS, dtype=float))[None]
    assert clv(ends(100, 9), survival) == pytest.approx(100 * 9 / MONTH * np.exp(-0.045))
    found = clv(ends(100, MONTH + 9), survival)
    assert found == pytest.approx(100 * np.exp(-0.01 * HALF) + 100 * 9 / MONTH * np.exp(-0.01 * (MONTH + 4.5)))


mrr = arrays(float, 3, elements=st.floats(0, 1000))
day = arrays(float, 3, elements=st.floats(0, 500) | st.just(float("nan")))


@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(st.tuples(mrr, mrr, mrr, mrr), st.tuples(day, day, day, day), st.floats(0, 1), st.floats(0, 1))
def test_mrr_is_never_below_0_and_an_announcement_puts_no_negative_value_at_risk(
    money: tuple[np.ndarray, ...], when: tuple[np.ndarray, ...], probability: float, hazard: float
) -> None:
    plan = Announced(*money, *when)
    planned = planned_mrr(plan, probability, 12)
    assert planned.shape == (3, 12) and (planned >= 0).all()
    survival = np.cumprod(np.full((3, 5), 1 - hazard), axis=1)
    value = lifetime_value(survival, ENDS, months_ahead(planned, Value(), leaves_on(plan)))
    unchanged = months_ahead(np.maximum(planned, plan.mrr[:, None]), Value(), leaves_on(plan))
    kept = value_if_staying(survival, ENDS, unchanged, 90)
    assert (kept - value >= -1e-9 * (1 + kept)).all()
