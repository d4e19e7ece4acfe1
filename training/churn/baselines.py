"""Baselines that every result is printed beside: base rate, recency rule and logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from undertow.training.examples.encoding import ModelColumn, encode
from undertow.training.examples.split import Examples

RECENCY = (
    "days_since_purchase", "days_since_last_activity", "days_since_last_login", "days_since_payment", "tenure_days",
)  # fmt: skip
BINS = 5


class Baseline(Protocol):
    """A baseline: anything that predicts P(churn within a horizon)."""

    @property
    def name(self) -> str:
        """Return its name in the tables of results."""
        ...

    def probability(self, rows: pa.Table, horizon: int) -> np.ndarray:
        """Return P(churn within `horizon` days), shape (n,)."""
        ...


@dataclass(frozen=True)
class BaseRate:
    """Base rate: every account gets the share that churned in training."""

    rates: dict[int, float]
    name: str = "base rate"

    def probability(self, rows: pa.Table, horizon: int) -> np.ndarray:
        """Return the same rate for every row, shape (n,)."""
        return np.full(rows.num_rows, self.rates[horizon])


@dataclass(frozen=True)
class RecencyRule:
    """Recency rule: every account gets the churn rate of accounts last active about as long ago."""

    column: str
    edges: np.ndarray
    rates: dict[int, np.ndarray]  # one per bin, the last for "unknown"
    name: str = "recency rule"

    def probability(self, rows: pa.Table, horizon: int) -> np.ndarray:
        """Return the rate of each row's bin, shape (n,)."""
        return self.rates[horizon][_bins(rows, self.column, self.edges)]


@dataclass(frozen=True)
class Logistic:
    """A regularised logistic regression per horizon, on all columns."""

    columns: tuple[ModelColumn, ...]
    fitted: dict[int, Pipeline]
    name: str = "logistic regression"

    def probability(self, rows: pa.Table, horizon: int) -> np.ndarray:
        """Return the regression's probability, shape (n,)."""
        return np.asarray(self.fitted[horizon].predict_proba(encode(self.columns, rows))[:, 1])


def fit_baselines(
    learn: Examples, columns: tuple[ModelColumn, ...], horizons: tuple[int, ...]
) -> dict[int, tuple[Baseline, ...]]:
    """Return horizon -> baselines, for the horizons with both labels in training.

    The recency rule is among them where the rows have one of the columns RECENCY.
    """
    fitted: dict[int, tuple[Baseline, ...]] = {}
    for horizon in horizons:
        matured = learn.take(learn.outcomes.matured(horizon))
        churned = matured.outcomes.churned(horizon)
        if churned.any() and not churned.all():
            recency = next((name for name in RECENCY if _is_known(matured.rows, name)), None)
            fitted[horizon] = (
                BaseRate({horizon: float(np.average(churned, weights=matured.weight))}),
                *([] if recency is None else [_fit_recency(matured, churned, horizon, recency)]),
                _fit_logistic(matured, churned, columns, horizon),
            )
    return fitted


def _fit_recency(learn: Examples, churned: np.ndarray, horizon: int, column: str) -> RecencyRule:
    days = _days(learn.rows, column)
    edges = np.unique(np.nanquantile(days[learn.is_uniform], np.linspace(0, 1, BINS + 1)[1:-1]))
    bins, size = _bins(learn.rows, column, edges), len(edges) + 2
    overall = np.average(churned, weights=learn.weight)
    count, left = (np.bincount(bins[of], None if learn.weight is None else learn.weight[of], size)
                   for of in (slice(None), churned))  # fmt: skip
    rates = (left + overall) / (count + 1)
    return RecencyRule(column, edges, {horizon: rates})


def _fit_logistic(
    learn: Examples, churned: np.ndarray, columns: tuple[ModelColumn, ...], horizon: int
) -> Logistic:
    texts = [position for position, column in enumerate(columns) if column.is_text]
    numbers = [position for position, column in enumerate(columns) if not column.is_text]
    prepared = ColumnTransformer(
        [
            ("numbers", make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
                FunctionTransformer(_signed_log),
                StandardScaler(),
            ), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore", min_frequency=20), texts),
        ]
    )  # fmt: skip
    matrix = encode(columns, learn.rows)
    prepared.fit(matrix[learn.is_uniform])
    regression = LogisticRegression(C=0.05, max_iter=1000, solver="newton-cholesky")
    regression.fit(prepared.transform(matrix), churned, sample_weight=learn.weight)
    model = make_pipeline(prepared, regression)
    return Logistic(columns, {horizon: model})


def _signed_log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _is_known(rows: pa.Table, column: str) -> bool:
    if column not in rows.column_names or not pa.types.is_floating(rows.schema.field(column).type):
        return False
    return bool(rows[column].null_count < rows.num_rows)


def _days(rows: pa.Table, column: str) -> np.ndarray:
    return np.asarray(rows[column].cast(pa.float64()).to_numpy(), dtype=float)


def _bins(rows: pa.Table, column: str, edges: np.ndarray) -> np.ndarray:
    days = _days(rows, column)
    return np.where(np.isnan(days), len(edges) + 1, np.searchsorted(edges, days, side="right"))
