"""Customer lifetime value of a subscription, from the same survival curve as the churn scores.

CLV over M months = sum over months m of S(t_m) x MRR_m x growth_m x margin x (1 + d)^(-m - 1/2 months): remaining value
over a stated horizon, in money, with churn counted once. Survival and discount are those of the middle of a month,
since MRR is earned all through it: sums at month ends are 1 % too low. Where changes of MRR were announced, each month
has the MRR that is then paid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.features.settings import Value
from undertow.training.examples.person_periods import DAYS_A_MONTH

HORIZONS = (12, 24, 36)  # months
LONGEST = 36  # months that are summed one by one
LEAST = 1e-12  # survival that is counted on; below it, hazards are those of this one
WHOLE = 240  # months after which a relationship is taken to be over


@dataclass(frozen=True)
class Months:
    """What n accounts are worth month by month if they are still customers.

    `worth`: (n, M), money of the month: MRR with growth, times margin, discounted. `days`: (n, M), the day after as_of,
    in the middle of what is paid of the month, on which they must be customers.
    """

    worth: np.ndarray
    days: np.ndarray

    def first(self, months: int) -> Months:
        """Return the first months only."""
        return Months(self.worth[:, :months], self.days[:, :months])


def months_ahead(mrr: np.ndarray, settings: Value, leaves_on: np.ndarray | None = None) -> Months:
    """Return the worth of each coming month; `mrr`: (n, M), what would be paid per month, with growth.

    `leaves_on`: (n,), the day on which MRR is announced to end, NaN for none; in the month that holds it, only the days
    before it are paid.
    """
    edges = np.arange(mrr.shape[1] + 1) * DAYS_A_MONTH
    ends = np.broadcast_to(edges[1:], mrr.shape)
    if leaves_on is not None:
        leaves = leaves_on[:, None]
        ends = np.where((edges[:-1] < leaves) & (leaves < edges[1:]), leaves, ends)
    worth = mrr * settings.margin * discount_factors(settings, mrr.shape[1])
    return Months(worth, (edges[:-1] + ends) / 2)


def survival_at(survival: np.ndarray, ends: tuple[int, ...], days: np.ndarray) -> np.ndarray:
    """Return P(still a customer after so many days), shape (..., n, D), for `days` of shape (n, D).

    `survival`: shape (..., n, K), at `ends` days. Inside a period, and beyond the last, the hazard is constant.
    """
    return survival_after(survival, elapsed(ends, days))


def survival_after(survival: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Return `survival_at` where these shares of each period have passed; `passed`: (n, D, K), as of `elapsed`."""
    falls = np.log(np.maximum(survival, LEAST))
    falls[..., 1:] -= falls[..., :-1].copy()
    return np.exp((falls[..., None, :] * passed).sum(axis=-1))


def elapsed(ends: tuple[int, ...], days: np.ndarray) -> np.ndarray:
    """Return the share of each period that has passed on days of shape (n, D), shape (n, D, K).

    It is 0 to 1, but above 1 in the last period for days beyond it.

    >>> elapsed((30, 60), np.array([[45.0, 90.0]])).tolist()
    [[[1.0, 0.5], [1.0, 2.0]]]
    """
    first, most = np.array((0, *ends[:-1]), dtype=float), np.ones(len(ends))
    most[-1] = np.inf
    return np.asarray(np.clip((days[..., None] - first) / (np.array(ends) - first), 0.0, most))


def value_by_months(survival: np.ndarray, ends: tuple[int, ...], months: Months) -> np.ndarray:
    """Return CLV over 1, 2, ... M months, shape (n, M), in money. `survival`: (n, K) at `ends` days."""
    return np.asarray(np.cumsum(months.worth * survival_at(survival, ends, months.days), axis=1))


def lifetime_value(survival: np.ndarray, ends: tuple[int, ...], months: Months) -> np.ndarray:
    """Return CLV, shape (n,), in money over the months given. `survival`: (n, K) at `ends` days.

    >>> year = months_ahead(np.full((1, 12), 100.0), Value(margin=0.8, discount_rate=0.0))
    >>> lifetime_value(np.array([[1.0]]), (360,), year).round(6).tolist()  # 12 x 100 x 0.8
    [960.0]
    """
    return value_by_months(survival, ends, months)[:, -1]


def value_if_staying(survival: np.ndarray, ends: tuple[int, ...], months: Months, until: int) -> np.ndarray:
    """Return CLV, shape (n,), of accounts that are certain to stay for `until` days and then leave as forecast.

    >>> year = months_ahead(np.full((1, 12), 100.0), Value(margin=1.0, discount_rate=0.0))
    >>> half = np.array([[0.5, 0.5]])  # half leave within 30 days, nobody after
    >>> value_if_staying(half, (30, 360), year, 30).round(6).tolist()
    [1200.0]
    """
    return np.asarray((months.worth * _after(survival, ends, months.days, until)).sum(axis=1))


def value_beyond(survival: np.ndarray, ends: tuple[int, ...], months: Months, settings: Value) -> np.ndarray:
    """Return the value, shape (n,), of the months after those given, up to WHOLE months in all.

    The last hazard and the last MRR go on: nothing was observed so far ahead.
    """
    count = months.worth.shape[1]
    next_day = np.full((len(survival), 1), (count + 0.5) * DAYS_A_MONTH)
    a_month_later = (1.0 + settings.discount_rate) ** (-1 / 12)
    stays = survival_at(survival, ends, np.concatenate([next_day, next_day + DAYS_A_MONTH], axis=1))
    kept = np.minimum(stays[:, 1] / np.maximum(stays[:, 0], 1e-300) * a_month_later, 1.0)
    left = WHOLE - count
    rest = np.where(kept < 1.0, (1.0 - kept**left) / np.where(kept < 1.0, 1.0 - kept, 1.0), left)
    return np.asarray(months.worth[:, -1] * a_month_later * stays[:, 0] * rest)


def discount_factors(settings: Value, months: int) -> np.ndarray:
    """Return (1 + d)^(-(m + 1/2) / 12) for the months m = 0 to months - 1, shape (months,); d is per year.

    >>> discount_factors(Value(discount_rate=0.10), 12)[[0, 11]].round(4).tolist()
    [0.996, 0.9127]
    """
    return np.asarray((1.0 + settings.discount_rate) ** (-(np.arange(months) + 0.5) / 12))


def _after(survival: np.ndarray, ends: tuple[int, ...], days: np.ndarray, until: int) -> np.ndarray:
    """Return P(still a customer on these days), (n, M), of accounts that stay for `until` days."""
    at = np.full((len(survival), 1), float(until))
    return survival_at(survival, ends, days) / survival_at(survival, ends, np.minimum(days, at))
