"""Confidence intervals: a bootstrap of accounts, the paired gain of two models, and the Wilson interval of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % confidence interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class HeldOutLabels:
    """Held-out labels: `churned` bool, shape (n,); `account` whole numbers from 0, shape (n,), per row."""

    churned: np.ndarray
    account: np.ndarray


def account_weights(account: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """Return how often each row occurs in each bootstrap resample of accounts, shape (resamples, n).

    Rows of one account are drawn together, since they are not independent.

    >>> account_weights(np.array([0, 0, 1]), resamples=2, seed=1).tolist()  # the two rows of account 0 move together
    [[1.0, 1.0, 1.0], [2.0, 2.0, 0.0]]
    """
    count = int(account.max()) + 1 if len(account) else 0
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / max(count, 1)), size=resamples)
    return draws[:, account].astype(float)


def paired_gain(better: np.ndarray, worse: np.ndarray, on: HeldOutLabels, resamples: int, seed: int = 0) -> Estimate:
    """Return the log-loss gain of `better` over `worse`, with a 90 % interval from a bootstrap of accounts.

    The lower end is the one-sided 95 % bound that the gate compares with 0.

    >>> labels = HeldOutLabels(np.array([True, False]), np.array([0, 1]))
    >>> paired_gain(np.array([0.8, 0.2]), np.array([0.5, 0.5]), labels, resamples=10).value  # log(0.8 / 0.5)
    0.47...
    """
    y = on.churned
    loss = [-np.log(np.clip(np.where(y, p, 1 - p), 1e-15, 1)) for p in (better, worse)]
    gain = loss[1] - loss[0]
    weights = account_weights(on.account, resamples, seed)
    drawn = weights @ gain / weights.sum(axis=1)
    return Estimate(float(gain.mean()), float(np.quantile(drawn, 0.05)), float(np.quantile(drawn, 0.95)))


def wilson(share: np.ndarray, n: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval, (low, high), of a share observed in n cases (Wilson 1927).

    >>> low, high = wilson(np.array([0.5]), np.array([10]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.237], [0.763])
    """
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.minimum(middle - half, share), np.maximum(middle + half, share)
