"""The hazard model of one cause: the mean of its bag, or a constant; the same after it was saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.bundle.by_hand import bundle_by_hand
from undertow.training.churn.cause_model import CauseModel

PERIODS = 2


@pytest.fixture(scope="module")
def bag() -> CauseModel:
    """Two small boosters that differ."""
    one, other = (cause.boosters[0] for cause in bundle_by_hand().causes)
    return CauseModel("voluntary", (one, other), (-3.0,) * PERIODS)


@pytest.fixture
def matrix(bag: CauseModel) -> np.ndarray:
    """Person-period rows of five accounts in two periods."""
    return np.random.default_rng(0).uniform(0, 3, (5 * PERIODS, bag.boosters[0].num_feature()))


def test_log_odds_are_the_mean_of_the_bag_account_by_account(bag: CauseModel, matrix: np.ndarray) -> None:
    one, other = (booster.predict(matrix, raw_score=True) for booster in bag.boosters)
    assert not np.array_equal(one, other)
    found = bag.log_odds(matrix, PERIODS)
    assert found.shape == (5, PERIODS)
    assert found[3, 1] == pytest.approx((one[3 * PERIODS + 1] + other[3 * PERIODS + 1]) / 2)


def test_without_boosters_every_account_has_the_baseline_of_the_period(matrix: np.ndarray) -> None:
    constant = CauseModel("involuntary", (), (-4.0, -5.0, -6.0))
    assert constant.log_odds(matrix, PERIODS).tolist() == [[-4.0, -5.0]] * 5


def test_tree_shap_values_and_their_base_add_up_to_the_log_odds(bag: CauseModel, matrix: np.ndarray) -> None:
    for booster in bag.boosters:
        added_up = bag.tree_shap(booster, matrix, PERIODS).sum(axis=2)
        assert added_up.ravel() == pytest.approx(booster.predict(matrix, raw_score=True))


def test_a_saved_model_is_read_back_with_the_same_log_odds(bag: CauseModel, matrix: np.ndarray, tmp_path: Path) -> None:
    written = bag.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["voluntary-0.txt", "voluntary-1.txt"]
    loaded = CauseModel.load(tmp_path, written)
    assert (loaded.cause, loaded.baseline) == (bag.cause, bag.baseline)
    assert np.array_equal(loaded.log_odds(matrix, PERIODS), bag.log_odds(matrix, PERIODS))
