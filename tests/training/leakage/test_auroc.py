"""AUROC of one score: as scikit-learn computes it, within one as_of, with an interval clustered by account."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.training.leakage.columns_by_hand import N
from undertow.training.leakage.auroc import auroc, bands_of, rates_elsewhere


def test_the_area_is_that_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    left = rng.random(N) < 0.3
    score = np.round(left + rng.normal(0, 1.5, N))
    found = auroc(score, left, np.arange(N), np.zeros(N, dtype=int))
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(left, score), abs=1e-12)
    assert found.low < found.value < found.high
    assert found.left == left.sum()


def test_pairs_are_compared_inside_a_moment_only() -> None:
    """A trend of the calendar that all accounts share is no knowledge."""
    rng = np.random.default_rng(1)
    moment = np.repeat([0, 1], N)
    left = rng.random(2 * N) < np.where(moment == 1, 0.6, 0.1)
    score = moment + rng.normal(0, 0.01, 2 * N)
    found = auroc(score, left, np.arange(2 * N), moment)
    assert roc_auc_score(left, score) > 0.75
    assert found is not None
    assert found.low < 0.5 < found.high


def test_many_snapshots_of_an_account_count_as_one() -> None:
    """The same rows seen five times leave the interval as wide as it was."""
    rng = np.random.default_rng(2)
    left, account = rng.random(N) < 0.3, np.arange(N)
    score = left + rng.normal(0, 1.5, N)
    once = auroc(score, left, account, np.zeros(N, dtype=int))
    five = auroc(*(np.tile(part, 5) for part in (score, left, account)), np.repeat(np.arange(5), N))
    assert once and five
    assert five.value == pytest.approx(once.value)
    assert five.high - five.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_the_interval_holds_as_often_as_it_says() -> None:
    """98 % of the intervals of pure noise hold 0.5; of 300, between 95 and 100 % must."""
    rng = np.random.default_rng(3)
    groups, account = np.repeat([0, 1], 100), np.arange(200)
    found = [auroc(rng.normal(size=200), rng.random(200) < 0.3, account, groups) for _ in range(300)]
    held = np.mean([one.low <= 0.5 <= one.high for one in found if one])
    assert 0.95 <= held <= 1.0


def test_too_few_leavers_are_not_measured_and_raise_no_alarm() -> None:
    left = np.arange(N) < 4
    assert auroc(left.astype(float), left, np.arange(N), np.zeros(N, dtype=int)) is None
    left = np.arange(N) < 12
    found = auroc(left.astype(float), left, np.arange(N), np.zeros(N, dtype=int))
    assert found is not None
    assert (found.value, found.strength) == (1.0, 0.0)


def test_a_rate_of_a_category_is_taken_from_other_accounts() -> None:
    """A category of one account each would give its own outcome away."""
    rng = np.random.default_rng(4)
    left, half = rng.random(N) < 0.3, np.arange(N) % 2
    own = rates_elsewhere(np.arange(N, dtype=float), left, half)
    assert np.unique(own[half == 0]).size == 1
    told = rates_elsewhere(left.astype(float), left, half)
    assert told[left].min() > told[~left].max()


def test_bands_follow_the_headline() -> None:
    assert bands_of(90) == ((0, 7), (7, 30), (30, 90))
    assert bands_of(30) == ((0, 7), (7, 30))


def test_a_rate_of_few_rows_is_drawn_toward_the_rate_of_all_by_five_rows() -> None:
    """In the other half two rows have the value 0, and both left; 3 of all 8 rows left."""
    value = np.array([0, 0, 1, 1, 0, 0, 1, 1], dtype=float)
    half = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    left = np.array([0, 0, 0, 0, 1, 1, 1, 0], dtype=bool)
    assert rates_elsewhere(value, left, half)[0] == pytest.approx((2 + 5 * 3 / 8) / (2 + 5))
