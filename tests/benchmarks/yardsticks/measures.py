"""How close something comes to a known truth; chances and money are arrays, one row an account."""

from __future__ import annotations

import numpy as np


def expected_auroc(score: np.ndarray, p: np.ndarray) -> float:
    """Return the AUROC that `score` would have on average, were outcomes drawn from the true chances `p`.

    Both of shape (n,). The sum over pairs i != j of p_i (1 - p_j), times 1 where i scores higher and 1/2
    where they tie, over the sum of p_i (1 - p_j): no luck of one draw of outcomes is in it.
    """
    order = np.argsort(score, kind="stable")
    leaves, stays = p[order], (1.0 - p)[order]
    group = np.cumsum(np.diff(score[order], prepend=score[order[:1]]) != 0)
    leaving, staying = np.bincount(group, leaves), np.bincount(group, stays)
    below = np.cumsum(staying) - staying
    own = float((leaves * stays).sum())  # an account is not compared with itself
    higher = float((leaving * below).sum() + 0.5 * (leaving * staying).sum()) - 0.5 * own
    return higher / (float(p.sum() * (1.0 - p).sum()) - own)


def efficiency(found: float, ceiling: float) -> float:
    """Return how much of the way from chance to the ceiling a ranking goes, 1 for all of it."""
    return (found - 0.5) / (ceiling - 0.5)


def standard_error(score: np.ndarray, p: np.ndarray, resamples: int = 100, seed: int = 0) -> float:
    """Return the standard error of `expected_auroc` over accounts, by bootstrap."""
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(p), len(p)) for _ in range(resamples)]
    return float(np.std([expected_auroc(score[draw], p[draw]) for draw in draws]))


def root_mean_square(said: np.ndarray, true: np.ndarray) -> float:
    """Return the root mean squared difference."""
    return float(np.sqrt(np.mean((said - true) ** 2)))


def by_tenths(said: np.ndarray, true: np.ndarray) -> list[tuple[float, float]]:
    """Return (mean said, mean true) in each tenth of the rows by what was said, lowest first."""
    tenths = np.array_split(np.argsort(said, kind="stable"), 10)
    return [(float(said[tenth].mean()), float(true[tenth].mean())) for tenth in tenths]


def coverage(low: np.ndarray, high: np.ndarray, drawn: np.ndarray) -> float:
    """Return the share of drawn futures, shape (n, n_paths), that lie within [low, high], each (n,)."""
    return float(((drawn >= low[:, None]) & (drawn <= high[:, None])).mean())
