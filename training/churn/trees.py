"""Gradient-boosted trees of the hazard: stage 3 on top of the first two, or the whole model alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import lightgbm as lgb
import numpy as np

from undertow.features.settings import Training
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.tree_shap import TreeTable, tree_shap, tree_tables
from undertow.training.examples.person_periods import PeriodInputs

FEW_EVENTS = 500  # below it, smaller trees
FEW_ROWS = 5_000  # below it, smaller leaves
COLUMNS_PER_TREE = 70  # that each tree may choose from; many columns are near copies of each other
MANY_ROWS = 100  # from which the tables of `tree_shap` take less time than LightGBM
FIXED: dict[str, object] = {  # LightGBM's parameters of every hazard
    "objective": "binary",
    "subsample": 0.8,
    "subsample_freq": 1,
    "max_bin": 127,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class TreeModel:
    """A bag of boosters on the columns with these numbers; its log-odds are their mean."""

    boosters: tuple[lgb.Booster, ...]
    columns: tuple[int, ...]

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return what the trees add to their offset, shape (n, K)."""
        matrix = inputs.matrix(self.columns)
        raw = [np.asarray(booster.predict(matrix, raw_score=True)) for booster in self.boosters]
        return np.asarray(np.mean(raw, axis=0)).reshape(inputs.covariates.shape[:2])

    def add_contributions(self, inputs: PeriodInputs, total: np.ndarray) -> None:
        """Add the TreeSHAP values, mean over the bag, to `total`, shape (n, all columns, K).

        TreeSHAP's base value is added to none of them (Lundberg et al. 2020).
        """
        matrix = inputs.matrix(self.columns)
        for number, booster in enumerate(self.boosters):
            tables = self._tables[number] if len(matrix) >= MANY_ROWS else None
            values = tree_shap(tables, matrix.T) if tables is not None else _by_lightgbm(booster, matrix)
            by_snapshot = values.reshape(-1, *inputs.covariates.shape[:2]).swapaxes(0, 1)
            total[:, self.columns] += by_snapshot / len(self.boosters)

    @cached_property
    def _tables(self) -> list[tuple[TreeTable, ...] | None]:
        return [tree_tables(booster) for booster in self.boosters]


def _by_lightgbm(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    """Return the TreeSHAP values as LightGBM computes them, shape (columns, n); `matrix`: (n, columns)."""
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=0))[:, :-1].T


@dataclass(frozen=True)
class TreePlan:
    """How trees are to be fitted: on which columns, how many, and which columns may meet in one tree.

    `groups`: sets of column numbers; a tree splits on columns of one set. None: any columns. `light`: small leaves
    and little shrinkage, for a cause whose events are few and clear.
    """

    columns: tuple[int, ...]
    number: int
    groups: tuple[tuple[int, ...], ...] | None = None
    light: bool = False


def fit_trees(
    rows: TrainingRows, cause: str, plan: TreePlan, offset: np.ndarray | None, settings: Training, threads: int
) -> TreeModel:
    """Fit the bag of boosters; `offset`: (n, K), the log-odds of the stages before, None without any.

    `threads` boosters are fitted at once, each on one core: two of them take less than one on two cores.
    """
    label = rows.labels(cause)
    start = None if offset is None else rows.per_row(offset)
    wanted = [_parameters(rows, label, plan, settings, seed) for seed in range(settings.seeds)]
    matrix, weight = rows.matrix(plan.columns), rows.row_weight
    data = lgb.Dataset(matrix, label=label, weight=weight, init_score=start, params=wanted[0]).construct()
    with ThreadPoolExecutor(threads) as pool:
        boosters = list(pool.map(lambda each: lgb.train(each, data, num_boost_round=plan.number), wanted))
    return TreeModel(tuple(boosters), plan.columns)


def parameters(rows: int, events: int, columns: int, settings: Training, seed: int) -> dict[str, object]:
    """Return LightGBM's parameters for data of this size: defaults that perform like a tuned model."""
    return FIXED | {
        "learning_rate": settings.learning_rate,
        "num_leaves": 7 if events < FEW_EVENTS else 15,
        "max_depth": 8,
        "min_child_samples": 30 if rows < FEW_ROWS else 100,
        "colsample_bytree": min(0.5, COLUMNS_PER_TREE / columns),
        "reg_lambda": 10.0,
        "seed": 1 + seed,
        "num_threads": 1,
    }


def _parameters(
    rows: TrainingRows, label: np.ndarray, plan: TreePlan, settings: Training, seed: int
) -> dict[str, object]:
    wanted = parameters(len(label), int(label.sum()), len(plan.columns), settings, seed)
    if plan.light:
        wanted |= {"min_child_samples": 20, "reg_lambda": 1.0}
    if plan.groups is not None:
        place = {column: number for number, column in enumerate(plan.columns)}
        wanted["interaction_constraints"] = [[place[column] for column in group] for group in plan.groups]
    return wanted
