"""80 % intervals of the value that is realised, from what accounts with a like forecast turned out to be worth.

Values are compared as shares: of what the account would be worth if it were certain to stay and its MRR did not grow.
Training accounts are grouped by their forecast share, made by models that did not learn from them; per group, the
quantiles of the realised share are kept. An interval is the shortest that covers a level of them and holds the
forecast. The MRR of small accounts grows and shrinks by larger shares: per size of account, the level is that at which
80 % of the accounts lay inside an interval that was learned from the others.
(Split conformal prediction within groups, Vovk 2012, of intervals from quantiles, Romano et al. 2019; where most
accounts of a group have the same value, such as an MRR that did not change, every interval that holds it covers more.)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

COVERED = 80  # percent
TRIED = np.linspace(0.0, 1.0, 5)  # where intervals begin, of what is left outside: more would be too short for others
GROUPS = 12  # of forecasts at most, of equal numbers of accounts
SIZES = 5  # groups of sizes at most, of equal numbers of accounts
LEAST_ACCOUNTS = 100  # per group of forecasts, and per size
LEVELS = np.linspace(0.0, 1.0, 101)
CANDIDATES = np.arange(40.0, 100.0, 2.0)  # levels among which that of a size is found, percent
SMALLEST = 0.01  # money; smaller sizes count as it


@dataclass(frozen=True)
class ValueIntervals:
    """Quantiles of the realised share per group of forecast shares, and the level of intervals per size of account.

    `forecast`: (G,), the mean forecast share of each group, ascending. `realised`: (G, 101), percentiles 0 to 100.
    `size`: (S,), the mean logarithm of what the accounts of each size would be worth if certain to stay, ascending.
    `level`: (S,), percent. `accounts`: that they were learned from; 0: too few, and there is no interval.
    """

    forecast: tuple[float, ...] = ()
    realised: tuple[tuple[float, ...], ...] = ()
    size: tuple[float, ...] = (0.0,)
    level: tuple[float, ...] = (float(COVERED),)
    accounts: int = 0

    def around(self, share: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval (low, high), shape (n,) each, of the realised share; NaN where nothing was learned.

        `share`: (n,), the forecast; `size`: (n,), money, what the account would be worth if certain to stay. A forecast
        outside the range that was seen is moved with its nearest group.

        >>> later = tuple((np.linspace(0, 1, 101) ** 0.5).tolist())  # most of it at the upper end
        >>> measured = ValueIntervals((0.5,), (later,), accounts=100)
        >>> [round(float(each[0]), 2) for each in measured.around(np.array([0.5]), np.array([900.0]))]
        [0.45, 1.0]
        """
        return self.at_level(share, np.interp(_logarithm(size), self.size, self.level))

    def at_level(self, share: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the shortest interval that covers `level`, (n,), percent, of accounts with a like forecast."""
        if not self.accounts:
            return np.full(len(share), np.nan), np.full(len(share), np.nan)
        curves, first = self._curves(share), (100.0 - level)[:, None] * TRIED
        lows, highs = _at(curves, first), _at(curves, first + level[:, None])
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
        return asdict(self)

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> ValueIntervals:
        """Read it back from what `as_json` returned."""
        realised = tuple(tuple(each) for each in read["realised"])
        return cls(tuple(read["forecast"]), realised, tuple(read["size"]), tuple(read["level"]), read["accounts"])


def fit_intervals(
    forecast: np.ndarray, realised: np.ndarray, size: np.ndarray, account: np.ndarray, counted: float = 1.0
) -> ValueIntervals:
    """Learn the intervals from forecast and realised shares, shape (n,) each, of snapshots of these accounts.

    `size`: (n,), money, what the account would be worth if certain to stay. `counted`: the part of one that each
    account counts, above 0 and at most 1. Where few of them left, accounts say less than their number: the ranks are
    those of a smaller sample, and the intervals are wider.
    """
    _, owner = np.unique(account, return_inverse=True)
    learned = _quantiles(forecast, realised, owner, counted)
    if learned.accounts < 2 * LEAST_ACCOUNTS:
        return learned
    half = np.random.default_rng(0).permutation(learned.accounts)[owner] % 2
    inside = np.zeros((len(CANDIDATES), len(forecast)), dtype=bool)
    for number in range(2):
        learn, judge = half != number, half == number
        others = _quantiles(forecast[learn], realised[learn], np.unique(owner[learn], return_inverse=True)[1])
        inside[:, judge] = _inside(others, forecast[judge], realised[judge])
    logs, weight = _logarithm(size), 1.0 / np.bincount(owner)[owner]
    groups = _equal_groups(logs, weight, min(SIZES, learned.accounts // LEAST_ACCOUNTS))
    level = tuple(_covering(inside[:, rows], counted * weight[rows]) for rows in groups)
    return replace(learned, size=_means(logs, weight, groups), level=level)


def _quantiles(forecast: np.ndarray, realised: np.ndarray, owner: np.ndarray, counted: float = 1.0) -> ValueIntervals:
    """Learn quantiles by forecast; `owner`: (n,), the number of the account, from 0."""
    accounts = int(owner.max()) + 1
    count = min(GROUPS, accounts // LEAST_ACCOUNTS)
    if not count:
        return ValueIntervals()
    weight = 1.0 / np.bincount(owner)[owner]  # an account that is seen often counts once
    groups = _equal_groups(forecast, weight, count)
    percentiles = tuple(_percentiles(realised[rows], counted * weight[rows]) for rows in groups)
    return ValueIntervals(_means(forecast, weight, groups), percentiles, accounts=accounts)


def _inside(learned: ValueIntervals, forecast: np.ndarray, realised: np.ndarray) -> np.ndarray:
    """Return whether each realised share lies in its interval of each of CANDIDATES, bool, shape (C, n)."""
    ends = [learned.at_level(forecast, np.full(len(forecast), level)) for level in CANDIDATES]
    return np.array([(low <= realised) & (realised <= high) for low, high in ends])


def _covering(inside: np.ndarray, weight: np.ndarray) -> float:
    """Return the level, percent, at which 80 % of accounts lie inside, with the rank that a finite sample needs."""
    covered = np.maximum.accumulate(inside @ weight) / (weight.sum() + 1.0)
    return float(np.interp(COVERED / 100, covered, CANDIDATES))


def _equal_groups(values: np.ndarray, weight: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the rows of so many groups of equal weight, by ascending value."""
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2
    group = np.minimum(middle / weight.sum() * count, count - 1).astype(int)
    return [order[group == number] for number in range(count)]


def _means(values: np.ndarray, weight: np.ndarray, groups: list[np.ndarray]) -> tuple[float, ...]:
    return tuple(float(np.average(values[rows], weights=weight[rows])) for rows in groups)


def _at(curves: np.ndarray, percent: np.ndarray) -> np.ndarray:
    """Return percentiles, (n, J), of curves, (n, 101), linear between whole percents."""
    below = np.clip(percent.astype(int), 0, 99)
    low, high = (np.take_along_axis(curves, place, axis=1) for place in (below, below + 1))
    return np.asarray(low + (percent - below) * (high - low))


def _logarithm(size: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(size, SMALLEST))


def _percentiles(values: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    """Return the percentiles of weighted values, with the rank that a finite sample needs."""
    order = np.argsort(values, kind="stable")
    weight = weight[order]
    n = weight.sum()
    ranks = (np.cumsum(weight) - weight / 2) / (n + 1) + 0.5 / (n + 1)
    return tuple(np.interp(LEVELS, ranks, values[order]).tolist())

