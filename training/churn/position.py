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
from undertow.training.churn.trees import FIXED, TreeFactors, mean_log_odds
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
DEFAULTS = TreeFactors()


@dataclass(frozen=True)
class PositionModel:
    """The mean of the trees of all folds, on the columns with these numbers."""

    boosters: tuple[lgb.Booster, ...]
    columns: tuple[int, ...]

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return the log-odds of the contract position, shape (n, K)."""
        return mean_log_odds(self.boosters, inputs, self.columns)

    def cross_fitted(self, rows: TrainingRows) -> np.ndarray:
        """Return the log-odds of its training rows, each from trees fitted without the account, shape (n, K)."""
        fold, found = rows.folds(FOLDS), np.zeros(rows.entered.shape)
        for number, booster in enumerate(self.boosters):
            found[fold == number] = mean_log_odds((booster,), rows.inputs.take(fold == number), self.columns)
        return found


def fit_position(
    rows: TrainingRows, cause: str, columns: tuple[int, ...], threads: int, factors: TreeFactors = DEFAULTS
) -> PositionModel:
    """Fit the trees of every fold; `cross_fitted` of the model returns what the later stages start from."""
    matrix, label = rows.matrix(columns), rows.labels(cause)
    fold, boosters, weight = rows.per_row(rows.folds(FOLDS)), [], rows.row_weight
    by_size = {"num_threads": threads, "min_child_samples": min(200, max(20, len(label) // 100))}
    parameters = factors.applied(PARAMETERS | by_size)
    for number in range(FOLDS):
        others = fold != number
        counted = None if weight is None else weight[others]
        data = lgb.Dataset(matrix[others], label=label[others], weight=counted, params=parameters)
        boosters.append(lgb.train(parameters, data, num_boost_round=TREES))
    return PositionModel(tuple(boosters), columns)
