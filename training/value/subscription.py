"""Customer lifetime value of a subscription over 12 months, from the same survival curve as the churn scores.

CLV = sum over months m = 1..12 of S(m) x MRR x margin x (1 + d)^(-m/12): remaining value over a stated horizon, in
money, with churn counted once.
"""

from __future__ import annotations

import numpy as np

from undertow.features.settings import Value
from undertow.training.examples.person_periods import DAYS_A_MONTH


def monthly_survival(survival: np.ndarray, ends: tuple[int, ...], months: int) -> np.ndarray:
    """Return P(still a customer after month m), shape (n, months), from survival, shape (n, K), at `ends` days.

    Inside a period, and beyond the last, the hazard is constant.
    """
    days = np.arange(1, months + 1) * DAYS_A_MONTH
    grid = np.array((0, *ends), dtype=float)
    logs = np.concatenate([np.zeros((len(survival), 1)), np.log(np.maximum(survival, 1e-12))], axis=1)
    right = np.clip(np.searchsorted(grid, days), 1, len(ends))
    left = right - 1
    share = (days - grid[left]) / (grid[right] - grid[left])
    return np.exp(logs[:, left] + share * (logs[:, right] - logs[:, left]))


def lifetime_value(survival: np.ndarray, ends: tuple[int, ...], mrr: np.ndarray, settings: Value) -> np.ndarray:
    """Return CLV, shape (n,), in money over `settings.months`; `survival`: (n, K) at `ends` days; `mrr`: (n,).

    >>> year = Value(months=12, margin=0.8, discount_rate=0.0)
    >>> lifetime_value(np.array([[1.0]]), (360,), np.array([100.0]), year).round(6).tolist()  # 12 x 100 x 0.8
    [960.0]
    """
    stays = monthly_survival(survival, ends, settings.months)
    return mrr * (stays * _discounted_margin(settings)).sum(axis=1)


def value_if_kept(mrr: np.ndarray, settings: Value) -> np.ndarray:
    """Return the value, shape (n,), of accounts that are certain to stay for `settings.months`."""
    return mrr * _discounted_margin(settings).sum()


def discount_factors(settings: Value) -> np.ndarray:
    """Return (1 + d)^(-m/12) for the months m = 1..months, shape (months,); d is the discount rate per year.

    >>> discount_factors(Value(months=12, discount_rate=0.10))[[0, 11]].round(4).tolist()
    [0.9921, 0.9091]
    """
    months = np.arange(1, settings.months + 1)
    return np.asarray((1.0 + settings.discount_rate) ** (-months / 12))


def _discounted_margin(settings: Value) -> np.ndarray:
    """Return the margin of one unit of MRR in each month, discounted, shape (months,)."""
    return settings.margin * discount_factors(settings)
