"""Confidence intervals: a bootstrap of accounts, the paired gain of two models, and the Wilson interval of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; nan where it cannot be told."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Judged:
    """Outcomes to be judged on: `churned` bool (n,), `account` whole numbers (n,)."""

    churned: np.ndarray
    account: np.ndarray


def account_weights(account: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """Return shape (resamples, n): how often each row comes in a resample of accounts."""
    count = int(account.max()) + 1 if len(account) else 0
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / max(count, 1)), size=resamples)
    return draws[:, account].astype(float)


def paired_gain(better: np.ndarray, worse: np.ndarray, on: Judged, resamples: int, seed: int = 0) -> Estimate:
    """Return the log-loss gain of `better` over `worse`, with a 90 % interval over accounts.

    Its lower end is the one-sided 95 % bound that a challenger must bring above 0.
    """
    y = on.churned
    loss = [-np.log(np.clip(np.where(y, p, 1 - p), 1e-15, 1)) for p in (better, worse)]
    gain = loss[1] - loss[0]
    weights = account_weights(on.account, resamples, seed)
    drawn = weights @ gain / weights.sum(axis=1)
    return Estimate(float(gain.mean()), float(np.quantile(drawn, 0.05)), float(np.quantile(drawn, 0.95)))



def wilson(share: np.ndarray, n: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval of a share of n (Wilson 1927)."""
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.minimum(middle - half, share), np.maximum(middle + half, share)
