"""From log-odds to survival and incidence: laws that hold for any hazards, and one closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from undertow.training.churn import curves

any_log_odds = arrays(float, (3, 4, 2), elements=st.floats(-25, 25))
likely_log_odds = arrays(float, (3, 4, 2), elements=st.floats(-7, -0.2))
quick = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def test_a_constant_hazard_survives_as_its_power() -> None:
    log_odds = np.full((1, 5, 2), -np.inf)
    log_odds[:, :, 0] = logit(0.1)
    assert curves.survival(log_odds)[0] == pytest.approx(0.9 ** np.arange(1, 6))


def test_two_constant_causes_share_the_incidence_by_their_hazards() -> None:
    log_odds = np.broadcast_to(np.array([logit(0.15), logit(0.05)]), (1, 6, 2))
    left = 1 - 0.8 ** np.arange(1, 7)
    assert curves.incidence(log_odds)[0, :, 0] == pytest.approx(0.75 * left)
    assert curves.incidence(log_odds)[0, :, 1] == pytest.approx(0.25 * left)


@quick
@given(any_log_odds)
def test_more_time_never_lowers_the_chance_of_having_left(log_odds: np.ndarray) -> None:
    by_cause, stays = curves.incidence(log_odds), curves.survival(log_odds)
    assert (np.diff(by_cause, axis=1) >= 0).all()
    assert (np.diff(stays, axis=1) <= 0).all()
    assert ((stays >= 0) & (stays <= 1)).all()


@quick
@given(any_log_odds)
def test_causes_add_up_to_the_total(log_odds: np.ndarray) -> None:
    total = curves.incidence(log_odds).sum(axis=2)
    assert total == pytest.approx(1 - curves.survival(log_odds), abs=1e-12)
    assert total[:, -1] == pytest.approx(curves.LEAVING.probability(log_odds), abs=1e-12)


@quick
@given(any_log_odds)
def test_hazards_never_add_up_beyond_one(log_odds: np.ndarray) -> None:
    assert (curves.hazards(log_odds).sum(axis=2) <= 1).all()


def test_hazards_that_add_up_beyond_one_keep_their_proportion() -> None:
    found = curves.hazards(np.array([[[logit(0.9), logit(0.6)]]]))[0, 0]
    assert found == pytest.approx([0.6, 0.4], abs=1e-8)


@pytest.mark.parametrize("curve", [curves.LEAVING, curves.ABSENCE])
@quick
@given(log_odds=likely_log_odds)
def test_gradients_agree_with_central_differences(curve: curves.Curve, log_odds: np.ndarray) -> None:
    found, step, value = curve.gradient(log_odds), 1e-5, curve.probability
    for k in range(4):
        for c in range(2):
            moved = np.zeros_like(log_odds)
            moved[:, k, c] = step
            expected = (value(log_odds + moved) - value(log_odds - moved)) / (2 * step)
            assert found[:, k, c] == pytest.approx(expected, rel=1e-4, abs=1e-8)
