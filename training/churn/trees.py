"""Gradient-boosted trees of the hazard: stage 3 on top of the first two, or the whole model alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
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
THREADED_ROWS = 5_000  # from which LightGBM takes all cores: with fewer, its threads wait for each other on busy ones
FIXED: dict[str, object] = {  # LightGBM's parameters of every hazard
    "objective": "binary",
    "subsample": 0.8,
    "subsample_freq": 1,
    "max_bin": 127,
    "deterministic": True,
    "force_col_wise": True,
    "verbosity": -1,
}
LEAST = {"num_leaves": 2, "min_child_samples": 1}  # whole numbers, and the smallest that LightGBM takes
MOST = {"colsample_bytree": 1.0, "subsample": 1.0, "learning_rate": 1.0}  # shares, and the largest step


@dataclass(frozen=True)
class TreeFactors:
    """Factors by which the defaults of LightGBM's parameters are multiplied; all 1: the defaults.

    They hold for the trees of contract position, of families and free ones alike, whose defaults differ and depend on
    the size of the data.
    """

    num_leaves: float = 1.0
    min_child_samples: float = 1.0
    reg_lambda: float = 1.0
    colsample_bytree: float = 1.0
    subsample: float = 1.0
    learning_rate: float = 1.0

    def applied(self, parameters: dict[str, object]) -> dict[str, object]:
        """Return LightGBM's parameters multiplied by the factors, whole and within what LightGBM takes."""
        changed = dict(parameters)
        for name, factor in asdict(self).items():
            if factor != 1.0:
                value = max(LEAST.get(name, 0.0), float(str(parameters[name])) * factor)
                changed[name] = round(value) if name in LEAST else min(value, MOST.get(name, value))
        return changed


class TunedTraining(Training):
    """[training] with factors that tuning found; it is made by `undertow train --tune`, never read from a file."""

    factors: TreeFactors = TreeFactors()


def factors_of(settings: Training) -> TreeFactors:
    """Return the factors of tuned settings; all 1 of others."""
    return settings.factors if isinstance(settings, TunedTraining) else TreeFactors()


@dataclass(frozen=True)
class TreeModel:
    """A bag of boosters on the columns with these numbers; its log-odds are their mean."""

    boosters: tuple[lgb.Booster, ...]
    columns: tuple[int, ...]

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return what the trees add to their offset, shape (n, K)."""
        return mean_log_odds(self.boosters, inputs, self.columns)

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


def mean_log_odds(boosters: tuple[lgb.Booster, ...], inputs: PeriodInputs, columns: tuple[int, ...]) -> np.ndarray:
    """Return the mean of what boosters on the columns with these numbers add up to, shape (n, K)."""
    matrix = inputs.matrix(columns)
    raw = [_predicted(booster, matrix, raw_score=True) for booster in boosters]
    return np.asarray(np.mean(raw, axis=0)).reshape(inputs.covariates.shape[:2])


def _by_lightgbm(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    """Return the TreeSHAP values as LightGBM computes them, shape (columns, n); `matrix`: (n, columns)."""
    return _predicted(booster, matrix, pred_contrib=True)[:, :-1].T


def _predicted(booster: lgb.Booster, matrix: np.ndarray, **what: bool) -> np.ndarray:
    """Return what a booster predicts, on one thread where rows are few."""
    return np.asarray(booster.predict(matrix, num_threads=1 if len(matrix) < THREADED_ROWS else 0, **what))


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
    return factors_of(settings).applied(wanted)
