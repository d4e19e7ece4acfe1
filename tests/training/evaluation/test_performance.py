"""Metrics against scikit-learn, ties included, and intervals that know about accounts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from tests.training.evaluation.draws import draw
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.performance import METRICS, difference, evaluate, measure

BY_SKLEARN: dict[str, Callable[..., float]] = {
    "auroc": lambda y, p, w: roc_auc_score(y, p, sample_weight=w),
    "average_precision": lambda y, p, w: average_precision_score(y, p, sample_weight=w),
    "log_loss": lambda y, p, w: log_loss(y, p, sample_weight=w),
    "brier": lambda y, p, w: brier_score_loss(y, p, sample_weight=w),
}
quick = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@quick
@given(seed=st.integers(0, 10**6), n=st.integers(2, 60), digits=st.integers(1, 3))
def test_metrics_agree_with_scikit_learn(seed: int, n: int, digits: int) -> None:
    p, churned = draw(seed, n, digits)
    found = measure(p, churned, np.ones((1, n)))
    for name, expected in BY_SKLEARN.items():
        assert found[name][0] == pytest.approx(expected(churned, p, np.ones(n))), name


@quick
@given(seed=st.integers(0, 10**6), n=st.integers(4, 60))
def test_weighted_metrics_agree_with_scikit_learn(seed: int, n: int) -> None:
    p, churned = draw(seed, n, digits=1)
    weights = np.random.default_rng(seed + 1).integers(0, 4, n).astype(float)
    weights[:2] = [2, 1]
    found = measure(p, churned, weights[None])
    for name, expected in BY_SKLEARN.items():
        assert found[name][0] == pytest.approx(expected(churned, p, weights)), name


def test_a_weight_of_two_is_a_row_given_twice() -> None:
    p, churned = draw(3, 30, digits=1)
    times = np.random.default_rng(4).integers(1, 4, 30)
    weighted = measure(p, churned, times[None].astype(float))
    repeated = measure(p.repeat(times), churned.repeat(times), np.ones((1, times.sum())))
    for name in METRICS:
        assert weighted[name][0] == pytest.approx(repeated[name][0]), name


def test_the_order_of_rows_does_not_matter() -> None:
    p, churned = draw(5, 50, digits=1)
    turned = measure(p[::-1], churned[::-1], np.ones((1, 50)))
    for name, value in measure(p, churned, np.ones((1, 50))).items():
        assert turned[name] == pytest.approx(value), name


def test_a_constant_score_knows_nothing() -> None:
    churned = np.arange(200) % 4 == 0
    found = measure(np.full(200, 0.25), churned, np.ones((1, 200)))
    assert (found["auroc"][0], found["lift"][0]) == pytest.approx((0.5, 1.0))
    assert found["average_precision"][0] == pytest.approx(0.25)
    assert found["calibration"][0] == pytest.approx(1.0)


def test_a_perfect_score_lifts_by_one_over_the_base_rate_up_to_ten() -> None:
    for churners, expected in ((20, 5.0), (5, 10.0)):
        churned = np.arange(100) < churners
        found = measure(np.linspace(1, 0, 100), churned, np.ones((1, 100)))
        assert found["lift"][0] == pytest.approx(expected)
        assert found["auroc"][0] == 1


def test_calibration_is_predicted_over_observed() -> None:
    churned = np.arange(100) < 10
    assert measure(np.full(100, 0.2), churned, np.ones((1, 100)))["calibration"][0] == pytest.approx(2.0)


@pytest.mark.parametrize("everyone", [True, False])
def test_one_outcome_only_cannot_be_told_and_does_not_crash(everyone: bool) -> None:
    p, churned = np.linspace(0.1, 0.9, 20), np.full(20, everyone)
    found = evaluate("m", 90, p, HeldOutLabels(churned, np.arange(20)), resamples=50).metrics
    assert np.isnan([found["auroc"].value, found["auroc"].low, found["auroc"].high]).all()
    assert np.isnan(found["calibration"].value) != everyone
    assert np.isfinite([found["log_loss"].value, found["brier"].value]).all()


def test_intervals_of_accounts_are_wider_than_intervals_of_rows() -> None:
    p, churned = draw(6, 150, digits=3)
    p, churned, account = p.repeat(6), churned.repeat(6), np.arange(150).repeat(6)
    by_account = evaluate("m", 90, p, HeldOutLabels(churned, account), 400).metrics
    by_row = evaluate("m", 90, p, HeldOutLabels(churned, np.arange(900)), 400).metrics
    for name in ("auroc", "log_loss", "brier", "calibration"):
        wide, narrow = by_account[name], by_row[name]
        assert wide.value == narrow.value
        ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
        assert ratio == pytest.approx(np.sqrt(6), rel=0.25), name


def test_an_interval_holds_its_value_and_counts_are_told() -> None:
    p, churned = draw(7, 300, digits=3)
    result = evaluate("m", 30, p, HeldOutLabels(churned, np.arange(300)), 200)
    assert (result.model, result.horizon, result.rows, result.churners) == ("m", 30, 300, churned.sum())
    assert set(result.metrics) == set(METRICS)
    assert all(metric.low <= metric.value <= metric.high for metric in result.metrics.values())


def test_the_same_seed_draws_the_same_intervals() -> None:
    p, churned = draw(8, 80, digits=2)
    on = HeldOutLabels(churned, np.arange(80))
    assert evaluate("m", 90, p, on, 50) == evaluate("m", 90, p, on, 50)
    assert evaluate("m", 90, p, on, 50, seed=1) != evaluate("m", 90, p, on, 50)


def test_a_paired_difference_is_narrower_than_the_two_intervals_together() -> None:
    """Two models that err alike: most of the noise of each is that of the accounts, which both share."""
    p, churned = draw(3, 600, 3)
    other = np.clip(p * np.random.default_rng(4).uniform(0.95, 1.05, 600), 0, 1)
    on = HeldOutLabels(churned, np.arange(600))
    one, two = (evaluate("model", 90, each, on, 200).metrics["lift"] for each in (p, other))
    less = difference("lift", p, other, on, 200)
    assert less.value == pytest.approx(one.value - two.value)
    assert less.high - less.low < (one.high - one.low + two.high - two.low) / 2
    assert difference("lift", p, p, on, 200).value == 0
