"""Training rows: one row per snapshot and period whose end was followed, and back to snapshots."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.training.churn.made_rows import inputs, made_rows
from undertow.training.churn.training_rows import TrainingRows, training_rows
from undertow.training.examples.split import Examples


def _three() -> TrainingRows:
    entered = np.array([[True, True], [True, False], [True, True]])
    events = {"voluntary": np.array([[False, True], [True, False], [False, False]])}
    return TrainingRows(inputs(np.array([[1.0], [2.0], [3.0]])), entered, events, np.array([0, 1, 0]))


def test_a_period_that_was_not_followed_is_no_row() -> None:
    rows = _three()
    assert rows.matrix((0, 1)).tolist() == [[1, 0], [1, 1], [2, 0], [3, 0], [3, 1]]  # the feature, then the period
    assert rows.labels("voluntary").tolist() == [0, 1, 1, 0, 0]


def test_values_go_from_snapshots_to_rows_and_back() -> None:
    rows = _three()
    assert rows.per_row(np.array([7.0, 8.0, 9.0])).tolist() == [7, 7, 8, 9, 9]
    assert rows.per_snapshot(np.arange(5.0)).tolist() == [[0, 1], [2, 0], [3, 4]]


def test_churners_are_accounts_not_snapshots() -> None:
    rows = _three().take(np.array([0, 0, 1]))
    assert rows.churners("voluntary") == 2


def test_all_snapshots_of_an_account_share_a_fold() -> None:
    rows = made_rows(500)
    twice = rows.take(np.concatenate([np.arange(500), np.arange(500)]))
    fold = twice.folds(5)
    assert np.array_equal(fold[:500], fold[500:])
    assert np.bincount(fold[:500]).tolist() == [100] * 5


def test_labels_are_those_of_the_outcomes(examples: Callable[..., Examples]) -> None:
    given = examples([10.0, np.nan, 45.0, 200.0], followed=70.0)
    rows = training_rows(given, np.zeros((4, 1)), (30, 60, 90))
    assert rows.entered.tolist() == [[True, False, False]] + [[True, True, False]] * 3
    assert rows.events["voluntary"].tolist() == [[True, False, False], [False] * 3, [False, True, False], [False] * 3]
    assert not rows.events["involuntary"].any()
