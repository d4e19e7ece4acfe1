"""The training rows of a hazard model: snapshots with their inputs, and the periods they were followed through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.person_periods import PeriodInputs, period_inputs
from undertow.training.examples.split import Examples


@dataclass(frozen=True)
class TrainingRows:
    """n snapshots over K periods, of which `m` = entered.sum() were followed to their end: the person-period rows.

    `entered`: (n, K), bool. `events`: cause -> (n, K), bool: churned in the period. `account`: (n,), whole numbers.
    `is_absence`: the events are of staying away through a period, where nobody cancels.
    """

    inputs: PeriodInputs
    entered: np.ndarray
    events: dict[str, np.ndarray]
    account: np.ndarray
    is_absence: bool = False

    def churners(self, cause: str) -> int:
        """Return how many accounts left for this cause; each may be seen from several snapshots."""
        return len(np.unique(self.account[self.events[cause].any(axis=1)]))

    def matrix(self, columns: tuple[int, ...]) -> np.ndarray:
        """Return these columns of the person-period rows, shape (m, len(columns))."""
        return self.inputs.matrix(columns)[self.entered.reshape(-1)]

    def labels(self, cause: str) -> np.ndarray:
        """Return 1 where the person-period row ended with this cause, else 0, float, shape (m,)."""
        return self.events[cause][self.entered].astype(np.float64)

    def per_row(self, values: np.ndarray) -> np.ndarray:
        """Return values of snapshots, (n,) or (n, K), as those of the person-period rows, shape (m,)."""
        spread = values[:, None] if values.ndim == 1 else values
        return np.asarray(np.broadcast_to(spread, self.entered.shape)[self.entered])

    def per_snapshot(self, values: np.ndarray) -> np.ndarray:
        """Return values of the person-period rows, (m,), by snapshot and period, shape (n, K); 0 where not entered."""
        spread = np.zeros(self.entered.shape)
        spread[self.entered] = values
        return spread

    def folds(self, count: int) -> np.ndarray:
        """Return a fold from 0 to `count` - 1 per snapshot, shape (n,), the same for all snapshots of an account."""
        shuffled = np.random.default_rng(0).permutation(self.account.max() + 1)
        return np.asarray(shuffled[self.account] % count)

    def take(self, rows: np.ndarray) -> TrainingRows:
        """Return these snapshots, given as numbers or a mask; a number that occurs twice is taken twice."""
        events = {cause: happened[rows] for cause, happened in self.events.items()}
        return TrainingRows(self.inputs.take(rows), self.entered[rows], events, self.account[rows], self.is_absence)


def training_rows(examples: Examples, features: np.ndarray, ends: tuple[int, ...]) -> TrainingRows:
    """Return the training rows of labelled examples; `features`: their encoded columns, shape (n, J)."""
    outcomes = examples.outcomes
    events = {cause: outcomes.churned_in(ends, cause) for cause in CAUSES}
    inputs, is_absence = period_inputs(features, examples.rows, ends), outcomes.active_days is not None
    return TrainingRows(inputs, outcomes.entered(ends), events, examples.accounts, is_absence)
