"""80 % intervals of the value that is realised, from what accounts with a like forecast turned out to be worth.

Values are compared as shares: of what the account would be worth if it were certain to stay and its MRR did not grow.
Training accounts are grouped by their forecast share, made by models that did not learn from them; per group, the
quantiles of the realised share are kept. An interval is the shortest that covers 80 % of them and holds the forecast.
(Split conformal prediction within groups, Vovk 2012; where most accounts of a group have the same value, such as an MRR
that did not change, every interval that holds it covers more than 80 %.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

COVERED = 80  # percent
STEP = 5  # percent between the intervals tried: the shortest of many would be too short for other accounts
GROUPS = 12  # at most, of equal numbers of accounts
LEAST_ACCOUNTS = 100  # per group
LEVELS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class ValueIntervals:
    """Quantiles of the realised share per group of forecast shares.

    `forecast`: (G,), the mean forecast share of each group, ascending. `realised`: (G, 101), percentiles 0 to 100.
    `accounts`: that they were learned from; 0: too few, and there is no interval.
    """

    forecast: tuple[float, ...] = ()
    realised: tuple[tuple[float, ...], ...] = ()
    accounts: int = 0

    def around(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval (low, high), shape (n,) each, of the realised share; NaN where nothing was learned.

        `share`: (n,), the forecast. A forecast outside the range that was seen is moved with its nearest group.

        >>> later = tuple((np.linspace(0, 1, 101) ** 0.5).tolist())  # most of it at the upper end
        >>> measured = ValueIntervals((0.5,), (later,), accounts=100)
        >>> [round(float(each[0]), 2) for each in measured.around(np.array([0.5]))]
        [0.45, 1.0]
        """
        if not self.accounts:
            return np.full(len(share), np.nan), np.full(len(share), np.nan)
        curves = self._curves(share)
        lows, highs = curves[:, : 101 - COVERED : STEP], curves[:, COVERED::STEP]
        reach = np.maximum(highs, share[:, None]) - np.minimum(lows, share[:, None])  # with the forecast
        best = reach.argmin(axis=1)[:, None]
        low, high = (np.take_along_axis(ends, best, axis=1)[:, 0] for ends in (lows, highs))
        return np.minimum(low, share), np.maximum(high, share)

    def _curves(self, share: np.ndarray) -> np.ndarray:
        """Return the percentiles of the realised share, (n, 101), between those of the neighbouring groups."""
        known, realised = np.array(self.forecast), np.array(self.realised)
        right = np.clip(np.searchsorted(known, share), min(1, len(known) - 1), len(known) - 1)
        left = np.maximum(right - 1, 0)
        gap = known[right] - known[left]
        part = np.clip(np.divide(share - known[left], gap, out=np.zeros(len(share)), where=gap > 0), 0.0, 1.0)
        return np.asarray(realised[left] + part[:, None] * (realised[right] - realised[left]))

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"forecast": self.forecast, "realised": self.realised, "accounts": self.accounts}

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> ValueIntervals:
        """Read it back from what `as_json` returned."""
        return cls(tuple(read["forecast"]), tuple(tuple(each) for each in read["realised"]), read["accounts"])


def fit_intervals(
    forecast: np.ndarray, realised: np.ndarray, account: np.ndarray, counted: float = 1.0
) -> ValueIntervals:
    """Learn the intervals from forecast and realised shares, shape (n,) each, of snapshots of these accounts.

    `counted`: the part of one that each account counts, above 0 and at most 1. Where few of them left, accounts say
    less than their number: the ranks are those of a smaller sample, and the intervals are wider.
    """
    accounts = len(np.unique(account))
    count = min(GROUPS, accounts // LEAST_ACCOUNTS)
    if not count:
        return ValueIntervals(accounts=0)
    weight = 1.0 / np.bincount(account)[account]  # an account that is seen often counts once
    order = np.argsort(forecast, kind="stable")
    group = np.minimum((np.cumsum(weight[order]) - weight[order] / 2) / accounts * count, count - 1).astype(int)
    groups = [order[group == number] for number in range(count)]
    means = tuple(float(np.average(forecast[rows], weights=weight[rows])) for rows in groups)
    percentiles = tuple(_percentiles(realised[rows], counted * weight[rows]) for rows in groups)
    return ValueIntervals(means, percentiles, accounts)


def _percentiles(values: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    """Return the percentiles of weighted values, with the rank that a finite sample needs."""
    order = np.argsort(values, kind="stable")
    weight = weight[order]
    n = weight.sum()
    ranks = (np.cumsum(weight) - weight / 2) / (n + 1) + 0.5 / (n + 1)
    return tuple(np.interp(LEVELS, ranks, values[order]).tolist())

