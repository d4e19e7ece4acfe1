"""Value at risk as a function of log-odds: equal to that of the survival curve, with the gradient of differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from undertow.features.settings import Value
from undertow.training.bundle.attribution import along_path
from undertow.training.churn.curves import survival
from undertow.training.value.lost import lost_value
from undertow.training.value.subscription import lifetime_value, months_ahead, value_if_staying

ENDS = (30, 60, 90, 180, 360)
log_odds = arrays(float, (2, 5, 2), elements=st.floats(-6, -0.5))
quick = settings(max_examples=50, deadline=None, derandomize=True, database=None)
YEAR = months_ahead(np.array([[100.0] * 12, [20.0] * 6 + [70.0] * 6]), Value())


@quick
@given(log_odds)
def test_it_is_the_value_if_the_account_stays_less_the_clv(found: np.ndarray) -> None:
    stays = survival(found)
    lost = lost_value(stays, ENDS, YEAR, 90)
    expected = value_if_staying(stays, ENDS, YEAR, 90) - lifetime_value(stays, ENDS, YEAR)
    assert lost.value(found[:, :3]) == pytest.approx(expected)


@quick
@given(log_odds)
def test_the_gradient_is_the_limit_of_differences(found: np.ndarray) -> None:
    lost = lost_value(survival(found), ENDS, YEAR, 90)
    head, step = found[:, :3], 1e-5
    gradient = lost.gradient(head)
    for period in range(3):
        for cause in range(2):
            more = np.zeros_like(head)
            more[:, period, cause] = step
            slope = (lost.value(head + more) - lost.value(head - more)) / (2 * step)
            assert gradient[:, period, cause] == pytest.approx(slope, rel=1e-5, abs=1e-5)


@quick
@given(log_odds, arrays(float, (2, 4, 3, 2), elements=st.floats(-0.5, 0.5)))
def test_shares_in_money_add_up(found: np.ndarray, moved: np.ndarray) -> None:
    lost = lost_value(survival(found), ENDS, YEAR, 90)
    like = found[:, :3] - moved.sum(axis=1)
    shares = along_path(like, moved, lost.value, lost.gradient)
    assert shares.sum(axis=1) == pytest.approx(lost.value(found[:, :3]) - lost.value(like), abs=1e-9)


def test_what_is_lost_soon_is_ranked_above_what_is_lost_late() -> None:
    """Two accounts with one CLV: the one that leaves within 90 days has its value at risk now."""
    soon = np.full((1, 5, 1), -20.0)
    late = soon.copy()
    soon[0, 0], late[0, 4] = -1.0, 0.0
    both = survival(np.concatenate([soon, late]))
    lost = lost_value(both, ENDS, months_ahead(np.full((2, 12), 100.0), Value()), 90)
    first, second = lost.value(np.concatenate([soon, late])[:, :3])
    assert first > 100 * second


def test_an_account_that_is_all_but_gone_is_worth_no_more_than_what_it_pays() -> None:
    """Survival far below what is counted on; accounts like it stay."""
    gone, like = np.full((1, 5, 1), 16.0), np.full((1, 3, 1), -3.0)
    year = months_ahead(np.full((1, 12), 100.0), Value())
    lost = lost_value(survival(gone), ENDS, year, 90)
    assert 0 < lost.value(like)[0] <= year.worth.sum()
