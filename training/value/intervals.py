"""80 % intervals of the value that is realised, from what accounts with a like forecast turned out to be worth.

Values are compared as shares: of what the account would be worth if it were certain to stay and its MRR did not grow.
Training accounts are grouped by their size, since the MRR of small ones grows and shrinks by larger shares, and within
it by their forecast share, made by models that did not learn from them; per group, the quantiles of the realised share
are kept. An interval is the shortest that covers 80 % of them and holds the forecast.
(Split conformal prediction within groups, Vovk 2012; where most accounts of a group have the same value, such as an MRR
that did not change, every interval that holds it covers more than 80 %.)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

COVERED = 80  # percent
STEP = 5  # percent between the intervals tried: the shortest of many would be too short for other accounts
GROUPS = 12  # of forecasts within a size at most, of equal numbers of accounts
SIZES, FORECASTS = 3, 3  # sizes at most, and groups of forecasts that each of several sizes holds at least
LEAST_ACCOUNTS = 100  # per group
SMALLEST = 0.01  # money; smaller sizes count as it
LEVELS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class LikeForecasts:
    """Quantiles of the realised share per group of forecast shares, of accounts of one size.

    `forecast`: (G,), the mean forecast share of each group, ascending. `realised`: (G, 101), percentiles 0 to 100.
    """

    forecast: tuple[float, ...]
    realised: tuple[tuple[float, ...], ...]

    def curves(self, share: np.ndarray) -> np.ndarray:
        """Return the percentiles of the realised share, (n, 101), between those of the neighbouring groups."""
        left, right, part = _neighbours(self.forecast, share)
        realised = np.array(self.realised)
        return np.asarray(realised[left] + part[:, None] * (realised[right] - realised[left]))


@dataclass(frozen=True)
class ValueIntervals:
    """Quantiles of the realised share by size and forecast share.

    `sizes`: (S,), the mean logarithm of what accounts of each size would be worth if certain to stay, ascending.
    `like`: what was realised of each. `accounts`: that they were learned from; 0: too few, and there is no interval.
    """

    sizes: tuple[float, ...] = ()
    like: tuple[LikeForecasts, ...] = ()
    accounts: int = 0

    def around(self, share: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval (low, high), shape (n,) each, of the realised share; NaN where nothing was learned.

        `share`: (n,), the forecast; `size`: (n,), money, what the account would be worth if certain to stay. A forecast
        outside the range that was seen is moved with its nearest group.

        >>> later = tuple((np.linspace(0, 1, 101) ** 0.5).tolist())  # most of it at the upper end
        >>> measured = ValueIntervals((7.0,), (LikeForecasts((0.5,), (later,)),), accounts=100)
        >>> [round(float(each[0]), 2) for each in measured.around(np.array([0.5]), np.array([900.0]))]
        [0.45, 1.0]
        """
        if not self.accounts:
            return np.full(len(share), np.nan), np.full(len(share), np.nan)
        curves = self._curves(share, size)
        lows, highs = curves[:, : 101 - COVERED : STEP], curves[:, COVERED::STEP]
        reach = np.maximum(highs, share[:, None]) - np.minimum(lows, share[:, None])  # with the forecast
        best = reach.argmin(axis=1)[:, None]
        low, high = (np.take_along_axis(ends, best, axis=1)[:, 0] for ends in (lows, highs))
        return np.minimum(low, share), np.maximum(high, share)

    def _curves(self, share: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Return the percentiles of the realised share, (n, 101), between those of the neighbouring sizes."""
        left, right, part = _neighbours(self.sizes, _logarithm(size))
        every, rows = np.stack([each.curves(share) for each in self.like]), np.arange(len(share))
        return np.asarray(every[left, rows] + part[:, None] * (every[right, rows] - every[left, rows]))

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> ValueIntervals:
        """Read it back from what `as_json` returned."""
        like = [LikeForecasts(tuple(each["forecast"]), tuple(map(tuple, each["realised"]))) for each in read["like"]]
        return cls(tuple(read["sizes"]), tuple(like), read["accounts"])


def fit_intervals(
    forecast: np.ndarray, realised: np.ndarray, size: np.ndarray, account: np.ndarray, counted: float = 1.0
) -> ValueIntervals:
    """Learn the intervals from forecast and realised shares, shape (n,) each, of snapshots of these accounts.

    `size`: (n,), money, what the account would be worth if certain to stay. `counted`: the part of one that each
    account counts, above 0 and at most 1. Where few of them left, accounts say less than their number: the ranks are
    those of a smaller sample, and the intervals are wider.
    """
    accounts = len(np.unique(account))
    if accounts < LEAST_ACCOUNTS:
        return ValueIntervals(accounts=0)
    weight = 1.0 / np.bincount(account)[account]  # an account that is seen often counts once
    logs = _logarithm(size)
    sizes = _equal_groups(logs, weight, max(1, min(SIZES, accounts // (FORECASTS * LEAST_ACCOUNTS))))
    like = [_like_forecasts(forecast[rows], realised[rows], weight[rows], counted) for rows in sizes]
    return ValueIntervals(_means(logs, weight, sizes), tuple(like), accounts)


def _like_forecasts(
    forecast: np.ndarray, realised: np.ndarray, weight: np.ndarray, counted: float
) -> LikeForecasts:
    """Learn from accounts of one size; `weight`: (n,), adding up to 1 for each account."""
    count = max(1, min(GROUPS, round(weight.sum()) // LEAST_ACCOUNTS))
    groups = _equal_groups(forecast, weight, count)
    percentiles = tuple(_percentiles(realised[rows], counted * weight[rows]) for rows in groups)
    return LikeForecasts(_means(forecast, weight, groups), percentiles)


def _equal_groups(values: np.ndarray, weight: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the rows of so many groups of equal weight, by ascending value."""
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2
    group = np.minimum(middle / weight.sum() * count, count - 1).astype(int)
    return [order[group == number] for number in range(count)]


def _means(values: np.ndarray, weight: np.ndarray, groups: list[np.ndarray]) -> tuple[float, ...]:
    return tuple(float(np.average(values[rows], weights=weight[rows])) for rows in groups)


def _neighbours(known: tuple[float, ...], at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the groups on both sides of each value, and how far it lies from the left to the right one, 0 to 1."""
    means = np.array(known)
    right = np.clip(np.searchsorted(means, at), min(1, len(means) - 1), len(means) - 1)
    left = np.maximum(right - 1, 0)
    gap = means[right] - means[left]
    return left, right, np.clip(np.divide(at - means[left], gap, out=np.zeros(len(at)), where=gap > 0), 0.0, 1.0)


def _logarithm(size: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(size, SMALLEST))


def _percentiles(values: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    """Return the percentiles of weighted values, with the rank that a finite sample needs."""
    order = np.argsort(values, kind="stable")
    weight = weight[order]
    n = weight.sum()
    ranks = (np.cumsum(weight) - weight / 2) / (n + 1) + 0.5 / (n + 1)
    return tuple(np.interp(LEVELS, ranks, values[order]).tolist())

