"""The training rows of a hazard model: snapshots with their inputs, and the periods they were followed through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.training.examples.case_cohort import uniform_part
from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.person_periods import PeriodInputs, period_inputs
from undertow.training.examples.split import Examples


@dataclass(frozen=True)
class TrainingRows:
    """n snapshots over K periods, of which `m` = entered.sum() were followed to their end: the person-period rows.

    `entered`: (n, K), bool. `events`: cause -> (n, K), bool: churned in the period. `account`: (n,), whole numbers.
    `is_absence`: the events are of staying away through a period, where nobody cancels. `weight`: (n,), how many
    snapshots each stands for; None where all count alike.
    """

    inputs: PeriodInputs
    entered: np.ndarray
    events: dict[str, np.ndarray]
    account: np.ndarray
    is_absence: bool = False
    weight: np.ndarray | None = None

    def churners(self, *causes: str) -> int:
        """Return how many accounts left for one of these causes; each may be seen from several snapshots."""
        left = np.any([self.events[cause].any(axis=1) for cause in causes], axis=0)
        return len(np.unique(self.account[left]))

    @property
    def counts(self) -> np.ndarray:
        """Return what each snapshot counts in a period, shape (n, K): its weight where it was entered, else 0."""
        return np.asarray(self.entered if self.weight is None else self.entered * self.weight[:, None])

    @property
    def row_weight(self) -> np.ndarray | None:
        """Return the weight of each person-period row, shape (m,); None where all count alike."""
        return None if self.weight is None else self.per_row(self.weight)

    @property
    def is_uniform(self) -> np.ndarray:
        """Return snapshots of which each is as likely as any other, bool, (n,); all of them without weights."""
        return np.ones(len(self.entered), dtype=bool) if self.weight is None else uniform_part(self.weight)

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
        weight = None if self.weight is None else self.weight[rows]
        account, inputs = self.account[rows], self.inputs.take(rows)
        return TrainingRows(inputs, self.entered[rows], events, account, self.is_absence, weight)


def training_rows(examples: Examples, features: np.ndarray, ends: tuple[int, ...]) -> TrainingRows:
    """Return the training rows of labelled examples; `features`: their encoded columns, shape (n, J)."""
    outcomes = examples.outcomes
    events = {cause: outcomes.churned_in(ends, cause) for cause in CAUSES}
    inputs, is_absence = period_inputs(features, examples.rows, ends), outcomes.active_days is not None
    return TrainingRows(inputs, outcomes.entered(ends), events, examples.accounts, is_absence, examples.weight)
