"""80 % intervals of the spend that is realised, from what customers with a like forecast turned out to spend.

Split conformal prediction within groups (Vovk 2012): customers of finished horizons are grouped by forecasts of models
that did not learn from them; per group the percentiles of realised / forecast are kept. An interval is the shortest
that covers 80 % of a group and holds the forecast. Where most customers of a group spent nothing, every interval that
holds 0 covers more than 80 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COVERED, STEP = 80, 5  # percent: covered, and between the intervals tried
GROUPS = 20
LEAST_CUSTOMERS = 50  # per group
LEVELS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class SpendIntervals:
    """Percentiles of realised / forecast per group of forecasts.

    `forecast`: (G,), the mean log forecast of each group, ascending. `ratio`: (G, 101), percentiles 0 to 100. Both
    empty: customers were too few, and there is no interval.
    """

    forecast: tuple[float, ...] = ()
    ratio: tuple[tuple[float, ...], ...] = ()

    def around(self, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval (low, high), money, (n,) each, of forecasts above 0, (n,); NaN without groups.

        >>> even = SpendIntervals((0.0,), (tuple(np.linspace(0.0, 2.0, 101).tolist()),))
        >>> [round(float(each[0]), 1) for each in even.around(np.array([50.0]))]
        [0.0, 80.0]
        """
        if not self.forecast:
            return np.full(len(forecast), np.nan), np.full(len(forecast), np.nan)
        place = np.interp(np.log(forecast), self.forecast, np.arange(len(self.forecast)))
        left = np.floor(place).astype(int)
        right = np.minimum(left + 1, len(self.forecast) - 1)
        of_group, part = np.array(self.ratio), (place - left)[:, None]
        curves = of_group[left] * (1.0 - part) + of_group[right] * part
        lows, highs = curves[:, : 101 - COVERED : STEP], curves[:, COVERED::STEP]
        best = (np.maximum(highs, 1.0) - np.minimum(lows, 1.0)).round(9).argmin(axis=1)[:, None]
        low, high = (np.take_along_axis(ends, best, axis=1)[:, 0] for ends in (lows, highs))
        return np.minimum(low, 1.0) * forecast, np.maximum(high, 1.0) * forecast


def fit_spend_intervals(forecast: np.ndarray, realised: np.ndarray) -> SpendIntervals:
    """Learn intervals; `forecast` (above 0), `realised`: (n,), money. Without groups below 50 customers."""
    groups = min(GROUPS, len(forecast) // LEAST_CUSTOMERS)
    if not groups:
        return SpendIntervals()
    parts = np.array_split(np.argsort(forecast, kind="stable"), groups)
    means = tuple(float(np.log(forecast[rows]).mean()) for rows in parts)
    return SpendIntervals(means, tuple(_percentiles(realised[rows] / forecast[rows]) for rows in parts))


def _percentiles(values: np.ndarray) -> tuple[float, ...]:
    """Return the percentiles of values, with the rank that a finite sample needs."""
    ranks = np.arange(1, len(values) + 1) / (len(values) + 1)
    return tuple(np.interp(LEVELS, ranks, np.sort(values)).tolist())
