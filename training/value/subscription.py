"""Customer lifetime value over 12 months, from the same survival curve as the churn scores.

CLV = sum over months m = 1..12 of S(m) x MRR x margin x (1 + d)^(-m/12): remaining value over a
stated horizon, in money, with churn counted once.
"""

from __future__ import annotations

import numpy as np

from undertow.features.settings import Value
from undertow.training.examples.person_periods import DAYS_A_MONTH


def monthly_survival(survival: np.ndarray, ends: tuple[int, ...], months: int) -> np.ndarray:
    """Return shape (n, months): P(still here after month m), from survival (n, K) at `ends` days.

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
    """Return CLV, shape (n,), in money over `settings.months`."""
    stays = monthly_survival(survival, ends, settings.months)
    return mrr * (stays * _discounted(settings)).sum(axis=1)


def value_if_kept(mrr: np.ndarray, settings: Value) -> np.ndarray:
    """Return the value, shape (n,), of accounts that are certain to stay for `settings.months`."""
    return mrr * _discounted(settings).sum()


def _discounted(settings: Value) -> np.ndarray:
    """Margin of one unit of MRR in each month, discounted, shape (months,)."""
    months = np.arange(1, settings.months + 1)
    return settings.margin * (1.0 + settings.discount_rate) ** (-months / 12)
