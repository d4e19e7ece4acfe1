"""The season of the hazard: one harmonic of the year, shrunk by how well the months on record determine it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from undertow.training.churn.training_rows import TrainingRows
from undertow.training.examples.outcomes import INVOLUNTARY
from undertow.training.examples.person_periods import PeriodInputs, starts

YEAR = 365.25
USUAL = 0.05  # log-odds; the prior standard deviation of each coefficient: a season some 7 % above the mean
USUAL_BUYING = 0.3  # the same of staying away: purchases of a season lie a third above the mean and more
LAG = 3  # months over which what the accounts have in common, such as a broken release, may last
SHORTEST = 390.0  # days between the first and the last as_of; below it a season and a trend look alike
STEPS = 20


@dataclass(frozen=True)
class Season:
    """Log-odds added on a day of the year: cosine x cos(2 pi t) + sine x sin(2 pi t), t: share of the year gone by."""

    cosine: float = 0.0
    sine: float = 0.0

    def log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        """Return the mean over each period, shape (n, K)."""
        return np.asarray(_waves(inputs) @ np.array([self.cosine, self.sine]))

    def as_json(self) -> dict[str, Any]:
        """Return the coefficients as plain JSON values."""
        return {"cosine": self.cosine, "sine": self.sine}


def fit_season(rows: TrainingRows, cause: str, offset: np.ndarray) -> Season:
    """Fit the season of leaving by choice, with everything else, (n, K) log-odds, as its offset.

    There is none for failed payments, nor for under 13 months of snapshots.

    The standard error counts calendar months, not accounts, and allows for neighbouring months that are alike (Newey
    and West 1987): what they have in common, such as a broken release, is no season. The estimate is pulled toward 0
    as far as that error demands beside the usual size of a season.
    """
    day = rows.inputs.day
    if cause == INVOLUNTARY or day.max() - day.min() < SHORTEST:
        return Season()
    wave, label = _waves(rows.inputs)[rows.entered], rows.labels(cause)
    design = np.column_stack([wave, _periods(rows)])
    coefficients, information, residual = _newton(design, rows.per_row(offset), label, rows.row_weight)
    month = _month_of_middle(rows)
    every = range(month.min(), month.max() + 1)
    score = np.stack([design[month == each].T @ residual[month == each] for each in every])
    inverse = np.linalg.inv(information)
    error = (inverse @ _long_run_covariance(score) @ inverse)[:2, :2]
    prior = (USUAL_BUYING if rows.is_absence else USUAL) ** 2 * np.eye(2)
    kept = prior @ np.linalg.inv(prior + error) @ coefficients[:2]
    return Season(float(kept[0]), float(kept[1]))


def _long_run_covariance(score: np.ndarray) -> np.ndarray:
    """Return the covariance of the sum of autocorrelated rows of `score`, with Bartlett weights up to LAG."""
    total = score.T @ score
    for lag in range(1, LAG + 1):
        cross = score[lag:].T @ score[:-lag]
        total = total + (1.0 - lag / (LAG + 1)) * (cross + cross.T)
    return np.asarray(total)


def _newton(
    design: np.ndarray, offset: np.ndarray, label: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coefficients of a logistic regression, their information matrix, and the weighted residuals."""
    beta, count = np.zeros(design.shape[1]), 1.0 if weight is None else weight
    for _ in range(STEPS):
        p = expit(offset + design @ beta)
        information = (design * (count * p * (1.0 - p))[:, None]).T @ design + 1e-6 * np.eye(len(beta))
        beta = beta + np.linalg.solve(information, design.T @ (count * (label - p)))
    return beta, information, count * (label - p)


def _periods(rows: TrainingRows) -> np.ndarray:
    """Return an indicator of the period of each person-period row, shape (m, K)."""
    periods = len(rows.inputs.ends)
    number = np.broadcast_to(np.arange(periods), rows.entered.shape)[rows.entered]
    return np.eye(periods)[number]


def _month_of_middle(rows: TrainingRows) -> np.ndarray:
    """Return the calendar month, counted from 1970, in which the middle of each person-period row falls, shape (m,)."""
    middle = (rows.inputs.day[:, None] + _middle(rows.inputs.ends))[rows.entered]
    return middle.astype("datetime64[D]").astype("datetime64[M]").astype(int)


def _middle(ends: tuple[int, ...]) -> np.ndarray:
    return np.asarray((np.array(starts(ends)) + np.array(ends)) / 2.0)


def _waves(inputs: PeriodInputs) -> np.ndarray:
    """Return the means of cosine and sine over each period, shape (n, K, 2)."""
    first = inputs.day.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]").astype(float)
    phase = 2.0 * np.pi * ((inputs.day - first)[:, None] + _middle(inputs.ends)) / YEAR
    damped = np.sinc((np.array(inputs.ends) - np.array(starts(inputs.ends))) / YEAR)
    return np.stack([np.cos(phase) * damped, np.sin(phase) * damped], axis=2)
