"""Reasons that add up, for any baseline and any contributions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from undertow.training.bundle.attribution import along_path, by_group
from undertow.training.churn import curves

Function = Callable[[np.ndarray], np.ndarray]
# F stays at or below 0, where the hazards of two causes do not add up beyond 1
baselines = arrays(float, (2, 3, 2), elements=st.floats(-8, -1.5))
contributions = arrays(float, (2, 5, 3, 2), elements=st.floats(-2, 0.3))
quick = settings(max_examples=80, deadline=None, derandomize=True, database=None)
SERVED = [
    pytest.param(curves.LEAVING.probability, curves.LEAVING.gradient, id="leaving"),
    pytest.param(curves.ABSENCE.probability, curves.ABSENCE.gradient, id="absence"),
]


@pytest.mark.parametrize(("value", "gradient"), SERVED)
@quick
@given(baseline=baselines, parts=contributions)
def test_shares_add_up_to_the_served_number_less_the_baseline(
    value: Function, gradient: Function, baseline: np.ndarray, parts: np.ndarray
) -> None:
    shares = along_path(baseline, parts, value, gradient)
    served = value(baseline + parts.sum(axis=1))
    assert value(baseline) + shares.sum(axis=1) == pytest.approx(served, abs=1e-9)


@quick
@given(baseline=baselines, parts=contributions)
def test_a_feature_that_moves_nothing_gets_nothing(baseline: np.ndarray, parts: np.ndarray) -> None:
    parts[:, 2] = 0.0
    shares = along_path(baseline, parts, curves.LEAVING.probability, curves.probability_gradient)
    assert (shares[:, 2] == 0).all()


@quick
@given(baseline=baselines, parts=contributions)
def test_the_order_of_features_does_not_matter(baseline: np.ndarray, parts: np.ndarray) -> None:
    shares = along_path(baseline, parts, curves.LEAVING.probability, curves.probability_gradient)
    turned = along_path(baseline, parts[:, ::-1], curves.LEAVING.probability, curves.probability_gradient)
    assert turned[:, ::-1] == pytest.approx(shares, abs=1e-12)


@quick
@given(baseline=baselines, parts=contributions)
def test_of_a_linear_function_the_shares_are_the_shap_values(baseline: np.ndarray, parts: np.ndarray) -> None:
    shares = along_path(baseline, parts, lambda odds: odds.sum(axis=(1, 2)), np.ones_like)
    assert shares == pytest.approx(parts.sum(axis=(2, 3)), abs=1e-9)


def test_shares_stay_small_where_the_hazards_add_up_beyond_one() -> None:
    """No share of a probability has a reason to be far beyond 1."""
    random = np.random.default_rng(0)
    baseline, parts = random.uniform(-8, 0, (200, 3, 2)), random.uniform(-0.5, 1.5, (200, 5, 3, 2))
    shares = along_path(baseline, parts, curves.LEAVING.probability, curves.LEAVING.gradient)
    assert np.abs(shares).max() < 2


def test_equal_contributions_get_equal_shares() -> None:
    parts = np.full((1, 4, 3, 2), 0.3)
    shares = along_path(np.full((1, 3, 2), -3.0), parts, curves.LEAVING.probability, curves.probability_gradient)
    assert shares[0] == pytest.approx([shares[0, 0]] * 4, abs=1e-12)
    assert shares[0, 0] > 0


def test_what_raises_the_log_odds_raises_the_probability() -> None:
    parts = np.zeros((1, 2, 3, 2))
    parts[0, 0], parts[0, 1] = 1.0, -0.5
    shares = along_path(np.full((1, 3, 2), -3.0), parts, curves.LEAVING.probability, curves.probability_gradient)
    assert shares[0, 0] > 0 > shares[0, 1]


def test_groups_hold_the_sum_of_their_members_in_the_order_asked() -> None:
    shares = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    found = by_group(shares, ("ux", "cx", "ux"), ("cx", "usage", "ux"))
    assert found.tolist() == [[2, 0, 5], [16, 0, 40]]
