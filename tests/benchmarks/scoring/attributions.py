"""Attributions of trees: `tree_shap` beside LightGBM's `pred_contrib`, and a model with trees where it may have none.

The trees are fitted on the published features, with the parameters of training, to the half of the account-periods
whose hazard the published model puts above the median: what they find matters less than that they have full size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from undertow.features.settings import Training
from undertow.training.bundle.bundle import Bundle
from undertow.training.churn.tree_shap import TreeTable, tree_shap, tree_tables
from undertow.training.churn.trees import TreeModel, parameters
from undertow.training.examples.encoding import encode
from undertow.training.examples.person_periods import PeriodInputs, period_inputs

TREES, LEAVES = 130, 15
SIZES = (1, 100, 1_000, 10_000)  # rows
LARGEST_BESIDE = 1_000  # rows for which LightGBM is asked too
ROUNDS = 3


@dataclass(frozen=True)
class Attribution:
    """Seconds in which rows are attributed, median of the rounds; None where LightGBM was not asked.

    `difference`: the largest between two values of the same row and column, log-odds.
    """

    rows: int
    ours: float
    lightgbm: float | None = None
    difference: float | None = None

    def __str__(self) -> str:
        """Return the seconds, and how many times as long LightGBM takes."""
        text = f"{self.rows:>6,} rows: {self.ours:.4f} s"
        if self.lightgbm is None:
            return text
        times = self.lightgbm / self.ours
        return f"{text}, LightGBM {self.lightgbm:.4f} s ({times:.2g} times), largest difference {self.difference:.0e}"


def fit(bundle: Bundle, rows: pa.Table) -> lgb.Booster:
    """Return TREES trees on the columns of the bundle that can be part of a reason."""
    inputs = _inputs(bundle, rows)
    hazard = bundle.log_odds(rows).max(axis=2)
    label = (hazard > np.median(hazard)).ravel()
    matrix = inputs.matrix(bundle.used)
    given = parameters(len(label), int(label.sum()), len(bundle.used), Training(), 0) | {"num_leaves": LEAVES}
    return lgb.train(given, lgb.Dataset(matrix, label=label), num_boost_round=TREES)


def with_trees(bundle: Bundle, booster: lgb.Booster) -> Bundle:
    """Return the same model with these trees in each cause."""
    trees = TreeModel((booster,), bundle.used)
    return replace(bundle, causes=tuple(replace(cause, trees=trees) for cause in bundle.causes))


def attribution_lines(bundle: Bundle, rows: pa.Table, booster: lgb.Booster) -> list[str]:
    """Return lines with the seconds of both for each of SIZES, one thread each."""
    started = perf_counter()
    tables = tree_tables(booster)
    seconds = perf_counter() - started
    assert tables is not None, "the trees have a form that tree_shap does not cover"
    matrix = _inputs(bundle, rows).first(1).matrix(bundle.used)
    leaves = np.mean([len(table.threshold) + 1 for table in tables])
    title = (
        f"{len(tables)} trees of {leaves:.0f} leaves on {len(bundle.used)} columns, one thread; "
        f"their tables are made once, in {seconds:.2f} s:"
    )
    return [title, *(str(attribute(booster, tables, of_size(matrix, size))) for size in SIZES)]


def of_size(matrix: np.ndarray, size: int) -> np.ndarray:
    """Return the first rows; where there are too few, as many as wanted, each value drawn from its column."""
    if size <= len(matrix):
        return matrix[:size]
    rng = np.random.default_rng(7)
    return np.column_stack([rng.choice(column, size) for column in matrix.T])


def attribute(booster: lgb.Booster, tables: tuple[TreeTable, ...], matrix: np.ndarray) -> Attribution:
    """Attribute rows, shape (n, columns), by both."""
    ours, values = _timed(lambda: tree_shap(tables, matrix.T))
    if len(matrix) > LARGEST_BESIDE:
        return Attribution(len(matrix), ours)
    theirs, contributions = _timed(lambda: booster.predict(matrix, pred_contrib=True, num_threads=1))
    return Attribution(len(matrix), ours, theirs, float(np.abs(values.T - contributions[:, :-1]).max()))


def _inputs(bundle: Bundle, rows: pa.Table) -> PeriodInputs:
    return period_inputs(encode(bundle.columns, rows), rows, bundle.ends)


def _timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the seconds of the work, median of the rounds, and its result."""
    seconds = []
    for _ in range(ROUNDS):
        started = perf_counter()
        result = work()
        seconds.append(perf_counter() - started)
    return median(seconds), result
