"""Stage 2 of the hazard: a ridge logistic regression on scored features, with the contract position as its offset.

log-odds of period k = offset + a_k + sum_j (lasting_j + recent_j fade_k) z_j + sum_m slope_m x_km

z are normal scores of the features, so that the shape of a distribution and its outliers do not matter; deviations from
what is usual are distances instead, since what lies far out is what they are for. An unknown value, z = 0, adds
nothing. What a feature says about the first period fades for later ones: fade_k = 2^(-t / 35 days),
t from the middle of the first period to that of period k. x are covariates of the period.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from undertow.training.churn.training_rows import TrainingRows
from undertow.training.examples.person_periods import PeriodInputs, starts

KNOTS = 33  # quantiles between which normal scores are interpolated
FADING_DAYS = 35.0  # after so many days a recent effect is half as large
COVARIATE_RIDGE = 2.5**-2  # penalty of the slope of a covariate, scaled to at most 1: a weak prior (Gelman et al. 2008)
FARTHEST = 6.0  # spreads from the median that a deviation counts at most; what lies beyond is an outlier
TENTHS = 2.5631  # standard deviations of a normal distribution between its first and its last tenth
STEPS, HALVINGS, CONVERGED = 30, 12, 1e-6  # Newton steps, halvings of one, and the smallest gain of log-likelihood
AGAINST = 2.0  # standard errors by which the data must contradict a direction for it to be lifted


@dataclass(frozen=True)
class ColumnScores:
    """Scores of J columns, linear between knots and constant outside them.

    `knots`, `scores`: one array per column, values of it in ascending order and their scores.
    """

    knots: tuple[np.ndarray, ...]
    scores: tuple[np.ndarray, ...]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the scores of values, shape (n, J); 0 where unknown.

        >>> scores = ColumnScores((np.array([1.0, 3.0]),), (np.array([-1.0, 1.0]),))
        >>> scores(np.array([[1.0], [2.5], [9.0], [np.nan]])).ravel().tolist()
        [-1.0, 0.5, 1.0, 0.0]
        """
        z = np.zeros(values.shape)
        for column, (knots, scores) in enumerate(zip(self.knots, self.scores, strict=True)):
            if len(knots):
                z[:, column] = np.interp(values[:, column], knots, scores)
        return np.where(np.isnan(values), 0.0, z)


def fit_scores(values: np.ndarray, deviates: np.ndarray) -> ColumnScores:
    """Return the scores of the columns of `values`, (n, J); `deviates`: which of them are deviations, bool, (J,)."""
    fitted = [
        (_distances if is_deviation else _normal_scores)(np.sort(column[~np.isnan(column)]))
        for column, is_deviation in zip(values.T, deviates, strict=True)
    ]
    return ColumnScores(tuple(knots for knots, _ in fitted), tuple(scores for _, scores in fitted))


def _normal_scores(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles of ascending values and their normal scores; tied values share the score of their middle."""
    knots = np.unique(np.quantile(known, np.linspace(0.0, 1.0, KNOTS))) if len(known) else np.zeros(0)
    below, upto = (np.searchsorted(known, knots, side=side) for side in ("left", "right"))
    rank = (below + upto) / (2 * max(len(known), 1))
    return knots, norm.ppf(np.clip(rank, 0.004, 0.996))


def _distances(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values 6 spreads below and above the median of ascending values, and their scores, -6 and 6.

    The spread is that of a normal distribution with the same first and last tenth; where these are equal, the standard
    deviation. No knots where there is none.
    """
    if not len(known):
        return np.zeros(0), np.zeros(0)
    low, median, high = np.quantile(known, (0.1, 0.5, 0.9))
    spread = (high - low) / TENTHS if high > low else known.std()
    ends = np.array([-FARTHEST, FARTHEST]) if spread > 0 else np.zeros(0)
    return median + spread * ends, ends


@dataclass(frozen=True)
class ScoredColumns:
    """Columns of training rows: their numbers, how they are scored, and their scores `z`, (n, J)."""

    columns: tuple[int, ...]
    scores: ColumnScores
    z: np.ndarray

    def take(self, rows: np.ndarray) -> ScoredColumns:
        """Return these rows only, given as numbers or a mask."""
        return ScoredColumns(self.columns, self.scores, self.z[rows])

    def only(self, columns: tuple[int, ...]) -> ScoredColumns:
        """Return these columns only, in their order."""
        places = [self.columns.index(column) for column in columns]
        knots, scores = (tuple(of[place] for place in places) for of in (self.scores.knots, self.scores.scores))
        return ScoredColumns(columns, ColumnScores(knots, scores), self.z[:, places])


def score_columns(rows: TrainingRows, columns: tuple[int, ...], deviates: np.ndarray) -> ScoredColumns:
    """Return these features of the training rows with their scores; `deviates`: which are deviations, bool, (J,)."""
    values = rows.inputs.features[:, columns]
    scores = fit_scores(values[rows.is_uniform], deviates)
    return ScoredColumns(columns, scores, scores(values))


@dataclass(frozen=True)
class LinearModel:
    """The fitted regression. `columns`: numbers of the J features and M covariates it reads.

    `intercept`: (K,). `lasting`, `recent`: (J,), per unit of a score. `slopes`: (M,), per unit of the covariate.
    """

    columns: tuple[int, ...]
    covariates: tuple[int, ...]
    scores: ColumnScores
    intercept: np.ndarray
    lasting: np.ndarray
    recent: np.ndarray
    slopes: np.ndarray

    @property
    def coefficients(self) -> np.ndarray:
        """Return intercept, lasting, recent and slopes as one vector, shape (K + 2 J + M,)."""
        return np.concatenate([self.intercept, self.lasting, self.recent, self.slopes])

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return what the regression adds to its offset, shape (n, K)."""
        z, fade = self.scores(inputs.features[:, self.columns]), fades(inputs.ends)
        by_features = (z @ self.lasting)[:, None] + (z @ self.recent)[:, None] * fade
        return np.asarray(self.intercept[: len(fade)] + by_features + self._covariates(inputs) @ self.slopes)

    def add_contributions(self, inputs: PeriodInputs, total: np.ndarray) -> None:
        """Add each column's part of the log-odds to `total`, shape (n, J + M of all columns, K)."""
        z, fade = self.scores(inputs.features[:, self.columns]), fades(inputs.ends)
        slope = self.lasting[:, None] + self.recent[:, None] * fade
        total[:, self.columns] += z[:, :, None] * slope
        if self.covariates:
            parts = self._covariates(inputs) * self.slopes
            total[:, self.covariates] += np.moveaxis(parts, 2, 1)

    def _covariates(self, inputs: PeriodInputs) -> np.ndarray:
        return covariate_values(inputs, self.covariates)

    def as_json(self) -> dict[str, Any]:
        """Return the model as plain JSON values."""
        return {
            "columns": self.columns,
            "covariates": self.covariates,
            "knots": [knots.tolist() for knots in self.scores.knots],
            "scores": [scores.tolist() for scores in self.scores.scores],
            **{name: getattr(self, name).tolist() for name in ("intercept", "lasting", "recent", "slopes")},
        }

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> LinearModel:
        """Read a model back from what `as_json` returned."""
        scores = ColumnScores(
            tuple(np.array(knots, dtype=float) for knots in read["knots"]),
            tuple(np.array(scores, dtype=float) for scores in read["scores"]),
        )
        arrays = {name: np.array(read[name], dtype=float) for name in ("intercept", "lasting", "recent", "slopes")}
        return cls(tuple(read["columns"]), tuple(read["covariates"]), scores, **arrays)


def fades(ends: tuple[int, ...]) -> np.ndarray:
    """Return how much of a recent effect is left in each period, shape (K,); 1 in the first.

    >>> fades((30, 60, 90)).round(2).tolist()
    [1.0, 0.55, 0.3]
    """
    middle = (np.array(starts(ends)) + np.array(ends)) / 2.0
    return np.asarray(2.0 ** (-(middle - middle[0]) / FADING_DAYS))


def covariate_values(inputs: PeriodInputs, columns: tuple[int, ...]) -> np.ndarray:
    """Return these covariates as the regression reads them, shape (n, K, M); unknown ones are 0."""
    width = inputs.features.shape[1]
    return np.nan_to_num(inputs.covariates[:, :, [column - width for column in columns]])


@dataclass(frozen=True)
class Penalty:
    """The ridge penalty of each feature, shape (J,), and the direction of its effect: 1, -1, or 0 for either."""

    ridge: np.ndarray
    direction: np.ndarray


def fit_linear(
    rows: TrainingRows,
    cause: str,
    scored: ScoredColumns,
    covariates: tuple[int, ...],
    offset: np.ndarray,
    penalty: Penalty,
    start: LinearModel | None = None,
) -> LinearModel:
    """Fit the regression by Newton's method; `offset`: (n, K), the log-odds of the contract position.

    `start`: a regression of the same columns with another penalty, from which fewer steps are needed.
    """
    problem = _Problem(
        z=scored.z,
        x=covariate_values(rows.inputs, covariates),
        fade=fades(rows.inputs.ends),
        offset=offset,
        label=rows.events[cause].astype(float),
        counts=rows.counts,
        ridge=penalty.ridge,
    )
    intercept, lasting, recent, slopes = problem.parts(problem.solve(penalty.direction, start))
    return LinearModel(scored.columns, covariates, scored.scores, intercept, lasting, recent, slopes)


def strength(rows: TrainingRows, cause: str, z: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the score test of each column of `z` alone beside the offset, in standard errors, shape (J,).

    With weights, the error is that of weighted residuals: a row that stands for many says no more than one row.
    """
    expected = expit(_centred(rows, cause, offset))
    each = (rows.events[cause] - expected) * rows.counts
    residual = each.sum(axis=1)
    spread = (expected * (1.0 - expected) * rows.entered if rows.weight is None else each**2).sum(axis=1)
    return np.asarray((z.T @ residual) / np.sqrt(np.maximum((z**2).T @ spread, 1e-12)))


def directions(tests: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the `wanted` directions (1, -1 or 0 per column) without those that the data contradict.

    `tests`: as `strength` returns them. A direction is lifted where its column, alone beside the offset, points the
    other way by 2 standard errors or more.

    >>> directions(np.array([3.0, -1.0, -3.0]), np.array([1.0, 1.0, 1.0])).tolist()
    [1.0, 1.0, 0.0]
    """
    return np.where(tests * wanted < -AGAINST, 0.0, wanted)


def _centred(rows: TrainingRows, cause: str, offset: np.ndarray) -> np.ndarray:
    """Return the offset, moved per period so that its hazards add up to the events."""
    moved = offset.copy()
    for k in range(offset.shape[1]):
        mine = rows.entered[:, k]
        count = 1.0 if rows.weight is None else rows.weight[mine]
        events, expected = (count * rows.events[cause][mine, k]).sum(), (count * expit(offset[mine, k])).sum()
        moved[:, k] += np.log((events + 0.5) / (expected + 0.5))
    return moved


@dataclass(frozen=True)
class _Problem:
    """The penalised log-likelihood: z (n, J), x (n, K, M), fade (K,), offset, label and counts (n, K), ridge (J,)."""

    z: np.ndarray
    x: np.ndarray
    fade: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    counts: np.ndarray
    ridge: np.ndarray

    def solve(self, direction: np.ndarray, start: LinearModel | None) -> np.ndarray:
        """Return the coefficients, each effect on its side of 0, by projected Newton steps (Bertsekas 1982)."""
        free = np.zeros(len(self.fade) + self.x.shape[2])
        sign = np.concatenate([free[: len(self.fade)], direction, direction, free[len(self.fade) :]])
        theta = np.zeros(len(sign)) if start is None else start.coefficients
        theta = np.where(sign * theta < 0, 0.0, theta)
        loss, gradient, weight = self.derivatives(theta)
        for _ in range(STEPS):
            hessian = self.hessian(weight)
            moves = ~((sign != 0) & (theta == 0) & (sign * gradient > 0))  # others stay at 0, where they are pushed to
            step = np.zeros(len(theta))
            step[moves] = np.linalg.solve(hessian[np.ix_(moves, moves)], gradient[moves])
            theta, loss, gradient, weight, gained = self._step(theta, step, sign, loss, gradient, weight)
            if gained < CONVERGED:
                break
        return theta

    def _step(
        self, theta: np.ndarray, step: np.ndarray, sign: np.ndarray, loss: float, gradient: np.ndarray,
        weight: np.ndarray,
    ) -> tuple[np.ndarray, float, np.ndarray, np.ndarray, float]:  # fmt: skip
        """Return the coefficients after a step, halved until the loss falls, with their derivatives and the gain."""
        for size in 0.5 ** np.arange(HALVINGS):
            moved = theta - size * step
            moved = np.where(sign * moved < 0, 0.0, moved)
            found = self.derivatives(moved)
            if found[0] <= loss:
                return moved, *found, loss - found[0]
        return theta, loss, gradient, weight, 0.0

    @cached_property
    def _single(self) -> np.ndarray:
        return self.z.astype(np.float32)

    def parts(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return intercept (K,), lasting (J,), recent (J,) and slopes (M,)."""
        periods, width = len(self.fade), self.z.shape[1]
        return tuple(np.split(theta, [periods, periods + width, periods + 2 * width]))

    def derivatives(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the penalised loss, its gradient, and the weight p (1 - p) of each person-period row, (n, K)."""
        intercept, lasting, recent, slopes = self.parts(theta)
        f = self.offset + intercept + (self.z @ lasting)[:, None] + (self.z @ recent)[:, None] * self.fade
        f += self.x @ slopes
        loss = ((np.logaddexp(0.0, f) - self.label * f) * self.counts).sum()
        loss += (self.ridge * (lasting**2 + recent**2)).sum() / 2 + COVARIATE_RIDGE * (slopes**2).sum() / 2
        p = expit(f)
        residual = (p - self.label) * self.counts
        gradient = (
            residual.sum(axis=0),
            self.z.T @ residual.sum(axis=1) + self.ridge * lasting,
            self.z.T @ (residual @ self.fade) + self.ridge * recent,
            np.einsum("nk,nkm->m", residual, self.x) + COVARIATE_RIDGE * slopes,
        )
        return float(loss), np.concatenate(gradient), p * (1.0 - p) * self.counts

    def hessian(self, weight: np.ndarray) -> np.ndarray:
        """Return the Hessian of the penalised loss; `weight`: as `derivatives` returns it.

        Its largest part is computed in single precision, twice as fast: it steers the steps, not where they end.
        """
        z, x, fade, ridge = self.z, self.x, self.fade, np.diag(self.ridge)
        weighed = [
            np.asarray(self._single.T @ (self._single * (weight @ fade**power)[:, None].astype(np.float32)), float)
            for power in (0, 1, 2)
        ]
        by_period = z.T @ weight
        with_x = np.einsum("nk,nkm->nm", weight, x), np.einsum("nk,k,nkm->nm", weight, fade, x)
        covariates = np.einsum("nk,nkm,nkl->ml", weight, x, x) + COVARIATE_RIDGE * np.eye(x.shape[2])
        period_x = np.einsum("nk,nkm->km", weight, x)
        return np.block(
            [
                [np.diag(weight.sum(axis=0)) + 1e-9 * np.eye(len(fade)), by_period.T, (by_period * fade).T, period_x],
                [by_period, weighed[0] + ridge, weighed[1], z.T @ with_x[0]],
                [by_period * fade, weighed[1], weighed[2] + ridge, z.T @ with_x[1]],
                [period_x.T, with_x[0].T @ z, with_x[1].T @ z, covariates],
            ]
        )
