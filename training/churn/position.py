"""Stage 1 of the hazard: the log-odds of an account's contract position, by gradient-boosted trees.

The contract position is what is agreed and what kind of customer it is: plan, term, price, size, tenure and the clock
to the renewal. It is context, never a reason. The trees are cross-fitted: each account's values in training come from
trees that were fitted without it, so that the later stages do not explain what these trees learned by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.trees import FIXED
from undertow.training.examples.person_periods import PeriodInputs

FOLDS = 5
TREES = 120
PARAMETERS = FIXED | {
    "learning_rate": 0.05,
    "num_leaves": 7,
    "colsample_bytree": 0.7,
    "reg_lambda": 20.0,
    "seed": 1,
}


@dataclass(frozen=True)
class PositionModel:
    """The mean of the trees of all folds, on the columns with these numbers."""

    boosters: tuple[lgb.Booster, ...]
    columns: tuple[int, ...]

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return the log-odds of the contract position, shape (n, K)."""
        matrix = inputs.matrix(self.columns)
        raw = [np.asarray(booster.predict(matrix, raw_score=True)) for booster in self.boosters]
        return np.asarray(np.mean(raw, axis=0)).reshape(inputs.covariates.shape[:2])


def fit_position(
    rows: TrainingRows, cause: str, columns: tuple[int, ...], threads: int
) -> tuple[PositionModel, np.ndarray]:
    """Return the model, and the log-odds of the training rows from trees fitted without their account, shape (n, K)."""
    matrix, label = rows.matrix(columns), rows.labels(cause)
    fold = rows.per_row(rows.folds(FOLDS))
    offset, boosters = np.zeros(len(label)), []
    parameters = PARAMETERS | {"num_threads": threads, "min_child_samples": min(200, max(20, len(label) // 100))}
    for number in range(FOLDS):
        mine = fold == number
        data = lgb.Dataset(matrix[~mine], label=label[~mine], params=parameters)
        booster = lgb.train(parameters, data, num_boost_round=TREES)
        offset[mine] = booster.predict(matrix[mine], raw_score=True)
        boosters.append(booster)
    return PositionModel(tuple(boosters), columns), rows.per_snapshot(offset)
