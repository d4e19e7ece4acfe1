"""Lifetime value in closed form: churn counted once, over 12 stated months."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from undertow.features.settings import Value
from undertow.training.examples.person_periods import DAYS_A_MONTH
from undertow.training.value.subscription import (
    Months,
    lifetime_value,
    months_ahead,
    survival_at,
    value_beyond,
    value_if_staying,
)

ENDS = (30, 60, 90, 180, 360)
MONTHS = np.arange(1, 13)
PLAIN = Value(margin=1.0, discount_rate=0.0)
quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def ahead(mrr: np.ndarray, settings: Value, months: int = 12) -> Months:
    """The worth of months with one MRR per account."""
    return months_ahead(np.repeat(mrr[:, None], months, axis=1), settings)


def value(survival: np.ndarray, ends: tuple[int, ...], mrr: np.ndarray, settings: Value) -> np.ndarray:
    return lifetime_value(survival, ends, ahead(mrr, settings))


def flat(rate: float, ends: tuple[int, ...] = ENDS) -> np.ndarray:
    """Survival, shape (1, K), of a hazard of `rate` a day."""
    return np.exp(-rate * np.array(ends, dtype=float))[None, :]


@pytest.mark.parametrize("ends", [ENDS, (30,), (30, 60, 90)])
def test_a_flat_hazard_is_a_geometric_sum_whatever_the_grid(ends: tuple[int, ...]) -> None:
    """CLV = m sqrt(q) (1 - q^12) / (1 - q), with q = exp(-rate x month) (1 + d)^(-1/12): from the middle of a month."""
    q = np.exp(-0.002 * DAYS_A_MONTH) * 1.1 ** (-1 / 12)
    found = value(flat(0.002, ends), ends, np.array([250.0]), Value(margin=0.8, discount_rate=0.1))
    assert found[0] == pytest.approx(250 * 0.8 * np.sqrt(q) * (1 - q**12) / (1 - q))


def test_inside_a_period_the_hazard_is_constant() -> None:
    survival = np.array([[0.9, 0.9, 0.9, 0.45, 0.45]])
    found = survival_at(survival, ENDS, MONTHS[None] * DAYS_A_MONTH)[0]
    assert found[0] == pytest.approx(0.9)
    assert found[3] == pytest.approx(0.9 * 0.5 ** ((4 * DAYS_A_MONTH - 90) / 90))
    assert found[-1] == pytest.approx(0.45)


def test_without_churn_the_value_is_that_of_a_kept_account() -> None:
    mrr = np.array([0.0, 10.0, 500.0])
    settings = Value(margin=0.7, discount_rate=0.2)
    found = value(np.ones((3, 5)), ENDS, mrr, settings)
    assert found == pytest.approx(value_if_staying(np.ones((3, 5)), ENDS, ahead(mrr, settings), 90))


def test_without_discount_and_costs_a_kept_account_is_worth_its_months() -> None:
    """1,200 a year is an MRR of 100."""
    assert value(np.ones((1, 5)), ENDS, np.array([100.0]), PLAIN)[0] == pytest.approx(1200)


def test_discount_counts_a_year_as_a_year() -> None:
    found = value(np.ones((1, 5)), ENDS, np.array([1.0]), Value(margin=1.0, discount_rate=0.1))[0]
    assert found == pytest.approx((1.1 ** (-(MONTHS - 0.5) / 12)).sum())


def test_whoever_surely_stays_90_days_loses_nothing_in_them_and_leaves_as_forecast_after() -> None:
    survival = np.array([[0.5, 0.5, 0.5, 0.25, 0.25]])
    found = value_if_staying(survival, ENDS, ahead(np.array([100.0]), PLAIN), 90)
    surely = value(np.array([[1.0, 1.0, 1.0, 0.5, 0.5]]), ENDS, np.array([100.0]), PLAIN)
    assert found == pytest.approx(surely)


@pytest.mark.parametrize("discount", [0.0, 0.1])
def test_beyond_the_months_the_last_hazard_goes_on_for_20_years(discount: float) -> None:
    settings = Value(margin=1.0, discount_rate=discount)
    stays, mrr = flat(0.001), np.array([100.0])
    first = lifetime_value(stays, ENDS, ahead(mrr, settings, 36))
    every = lifetime_value(stays, ENDS, ahead(mrr, settings, 240))
    assert first + value_beyond(stays, ENDS, ahead(mrr, settings, 36), settings) == pytest.approx(every)


def test_an_account_that_never_leaves_is_worth_20_years_at_most() -> None:
    found = value_beyond(np.ones((1, 5)), ENDS, ahead(np.array([100.0]), PLAIN, 36), PLAIN)
    assert found == pytest.approx(204 * 100)


def test_whoever_surely_leaves_in_the_first_month_is_worth_nothing() -> None:
    month = value(np.zeros((1, 5)), ENDS, np.array([100.0]), PLAIN)[0]
    assert month == pytest.approx(0, abs=1e-3)


@quick
@given(arrays(float, (3, 5), elements=st.floats(0, 1)), st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 2))
def test_value_at_risk_is_never_negative(hazards: np.ndarray, mrr: float, margin: float, discount: float) -> None:
    settings = Value(margin=margin, discount_rate=discount)
    money = np.full(3, mrr)
    survival = np.cumprod(1 - hazards, axis=1)
    clv = value(survival, ENDS, money, settings)
    kept = value_if_staying(survival, ENDS, ahead(money, settings), 90)
    assert (clv >= 0).all()
    assert (kept - clv >= -1e-9 * kept).all()


@quick
@given(arrays(float, (2, 5), elements=st.floats(0, 0.9)), st.floats(0.01, 0.5))
def test_more_hazard_is_less_value(hazards: np.ndarray, more: float) -> None:
    money = np.array([100.0, 100.0])
    riskier = hazards + more * (1 - hazards)
    values = [value(np.cumprod(1 - each, axis=1), ENDS, money, PLAIN) for each in (hazards, riskier)]
    assert (values[1] < values[0]).all()
