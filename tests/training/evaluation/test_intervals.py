"""Confidence intervals: Wilson's, and the bootstrap that draws whole accounts."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from tests.training.evaluation.draws import draw
from undertow.training.evaluation.intervals import HeldOutLabels, account_weights, paired_gain, wilson


def test_all_rows_of_an_account_are_drawn_together() -> None:
    weights = account_weights(np.array([0, 1, 0, 2, 1]), 100)
    assert weights.shape == (100, 5)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert weights[:, 0].mean() == pytest.approx(1, abs=0.3)


def test_the_gain_is_positive_for_the_better_of_two() -> None:
    churned = np.arange(400) % 5 == 0
    good, bad = np.where(churned, 0.6, 0.1), np.full(400, 0.2)
    gain = paired_gain(good, bad, HeldOutLabels(churned, np.arange(400)), 200)
    assert 0 < gain.low < gain.value < gain.high
    assert gain.value == pytest.approx(log_loss(churned, bad) - log_loss(churned, good))
    assert paired_gain(bad, good, HeldOutLabels(churned, np.arange(400)), 200).high < 0


def test_a_model_gains_nothing_over_itself() -> None:
    p, churned = draw(9, 60, digits=2)
    gain = paired_gain(p, p, HeldOutLabels(churned, np.arange(60)), 50)
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [(5, 10, 0.2366, 0.7634), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 100, 0.0018, 0.0545)],
)
def test_wilson_matches_published_values(events: int, n: int, low: float, high: float) -> None:
    found = wilson(np.array([events / n]), np.array([n]))
    assert (found[0][0], found[1][0]) == pytest.approx((low, high), abs=5e-5)
