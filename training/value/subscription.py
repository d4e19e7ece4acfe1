"""Customer lifetime value of a subscription over 12 months, from the same survival curve as the churn scores.

CLV = sum over months m = 1..12 of S(m) x MRR x margin x (1 + d)^(-m/12): remaining value over a stated horizon, in
money, with churn counted once. Where changes of MRR were announced, each month has the MRR that is then paid.
"""

from __future__ import annotations

import numpy as np

from undertow.features.settings import Value
from undertow.training.examples.person_periods import DAYS_A_MONTH


def survival_at(survival: np.ndarray, ends: tuple[int, ...], days: np.ndarray) -> np.ndarray:
    """Return P(still a customer after so many days), shape (n, D), for `days` of that shape.

    `survival`: shape (n, K), at `ends` days. Inside a period, and beyond the last, the hazard is constant.
    """
    grid = np.array((0, *ends), dtype=float)
    logs = np.concatenate([np.zeros((len(survival), 1)), np.log(np.maximum(survival, 1e-12))], axis=1)
    right = np.clip(np.searchsorted(grid, days), 1, len(ends))
    left = right - 1
    share = (days - grid[left]) / (grid[right] - grid[left])
    before, after = (np.take_along_axis(logs, position, axis=1) for position in (left, right))
    return np.asarray(np.exp(before + share * (after - before)))


def lifetime_value(
    survival: np.ndarray, ends: tuple[int, ...], mrr: np.ndarray, settings: Value, leaves_on: np.ndarray | None = None
) -> np.ndarray:
    """Return CLV, shape (n,), in money over `settings.months`.

    `survival`: (n, K) at `ends` days. `mrr`: (n,), or (n, months) where announced changes give each month its own.
    `leaves_on`: (n,), the day on which MRR is announced to end, NaN for none; the month that holds it counts what
    is paid up to that day, by P(still a customer on it).

    >>> year = Value(months=12, margin=0.8, discount_rate=0.0)
    >>> lifetime_value(np.array([[1.0]]), (360,), np.array([100.0]), year).round(6).tolist()  # 12 x 100 x 0.8
    [960.0]
    """
    edges = np.arange(settings.months + 1) * DAYS_A_MONTH
    days = np.broadcast_to(edges[1:], (len(survival), settings.months))
    if leaves_on is not None:
        leaves = leaves_on[:, None]
        days = np.where((edges[:-1] < leaves) & (leaves < edges[1:]), leaves, days)
    stays = survival_at(survival, ends, days)
    return np.asarray((_per_month(mrr) * stays * _discounted_margin(settings)).sum(axis=1))


def value_if_kept(mrr: np.ndarray, settings: Value) -> np.ndarray:
    """Return the value, shape (n,), of accounts that are certain to stay for `settings.months`.

    `mrr`: (n,), or (n, months).
    """
    return np.asarray((_per_month(mrr) * _discounted_margin(settings)).sum(axis=1))


def _per_month(mrr: np.ndarray) -> np.ndarray:
    return mrr[:, None] if mrr.ndim == 1 else mrr


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
