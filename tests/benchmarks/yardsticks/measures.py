"""Measures of predictions against ground truth: expected AUROC, efficiency, RMSE, means by tenth, interval coverage.

Probabilities and amounts of money are arrays, one row per account.
"""

from __future__ import annotations

import numpy as np


def expected_auroc(score: np.ndarray, p: np.ndarray) -> float:
    """Return xAUC: the mean AUROC of `score` if outcomes were drawn from the true churn probabilities `p`.

    Both of shape (n,). The sum over pairs i != j of p_i (1 - p_j), times 1 where i scores higher and 1/2
    where they tie, over the sum of p_i (1 - p_j): it does not depend on one random draw of outcomes.
    """
    order = np.argsort(score, kind="stable")
    leaves, stays = p[order], (1.0 - p)[order]
    group = np.cumsum(np.diff(score[order], prepend=score[order[:1]]) != 0)
    leaving, staying = np.bincount(group, leaves), np.bincount(group, stays)
    below = np.cumsum(staying) - staying
    own = float((leaves * stays).sum())  # an account is not compared with itself
    higher = float((leaving * below).sum() + 0.5 * (leaving * staying).sum()) - 0.5 * own
    return higher / (float(p.sum() * (1.0 - p).sum()) - own)


def efficiency(auroc: float, ceiling: float) -> float:
    """Return the share of the distance from chance (AUROC 0.5) to the ceiling's AUROC that a ranking covers."""
    return (auroc - 0.5) / (ceiling - 0.5)


def standard_error(score: np.ndarray, p: np.ndarray, resamples: int = 100, seed: int = 0) -> float:
    """Return the standard error of `expected_auroc` over accounts, by bootstrap."""
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(p), len(p)) for _ in range(resamples)]
    return float(np.std([expected_auroc(score[draw], p[draw]) for draw in draws]))


def root_mean_square(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the root mean squared error of predictions, both of shape (n,)."""
    return float(np.sqrt(np.mean((predicted - true) ** 2)))


def by_tenths(predicted: np.ndarray, true: np.ndarray) -> list[tuple[float, float]]:
    """Return (mean predicted, mean true) of each tenth of the rows by predicted value, lowest first."""
    tenths = np.array_split(np.argsort(predicted, kind="stable"), 10)
    return [(float(predicted[tenth].mean()), float(true[tenth].mean())) for tenth in tenths]


def is_covered(low: np.ndarray, high: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the share of each account's drawn futures, (n, n_paths), that lie within [low, high], shape (n,) each."""
    return np.asarray(((drawn >= low[:, None]) & (drawn <= high[:, None])).mean(axis=1))


def held_by_first_tenth(order: np.ndarray, lost: np.ndarray) -> float:
    """Return the share of what is lost, shape (n,), that the tenth of the rows with the largest `order` holds."""
    first = np.argsort(-order, kind="stable")[: max(1, len(order) // 10)]
    return float(lost[first].sum() / lost.sum())
