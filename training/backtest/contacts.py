"""What contacting the first accounts of a list would have found: money lost within the horizon, and profit.

Contacts are not assumed to work: what is found is the MRR of the accounts that left. Profit is computed under stated
assumptions on the share of leavers that a contact keeps and on its cost (Verbraken, Verbeke and Baesens 2013, eq. 6,
with both fixed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from undertow.training.evaluation.intervals import Estimate, account_weights
from undertow.training.value.contact_value import contact_value

SHARES = (0.02, 0.05, 0.10, 0.20)  # of the accounts contacted


@dataclass(frozen=True)
class Found:
    """What the first accounts by one order held. `lost`: share of the MRR that left, with a 95 % interval.

    `share`: of the accounts contacted. `left`: share of the leavers among the first.
    """

    order: str
    share: float
    lost: Estimate
    left: float

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


def found_by(
    orders: Mapping[str, np.ndarray], churned: np.ndarray, mrr: np.ndarray, account: np.ndarray, resamples: int
) -> list[Found]:
    """Return what the first accounts of each order held, per share contacted; arrays of shape (n,).

    >>> orders = {"MRR": np.array([30.0, 20.0, 10.0, 5.0])}
    >>> left, mrr = np.array([True, False, True, False]), np.array([30.0, 20.0, 10.0, 5.0])
    >>> [found] = found_by(orders, left, mrr, np.arange(4), 10)[-1:]
    >>> found.share, found.lost.value  # one account of four: 30 of the 40 that left
    (0.2, 0.75)
    """
    lost, weights = churned * mrr, account_weights(account, resamples)
    results = []
    for name, order in orders.items():
        place = np.argsort(np.argsort(-order, kind="stable"), kind="stable")
        for share in SHARES:
            first = place < max(1, round(share * len(order)))
            drawn = (weights @ (lost * first)) / np.maximum(weights @ lost, 1e-12)
            low, high = np.quantile(drawn, [0.025, 0.975])
            value = float((lost * first).sum() / max(lost.sum(), 1e-12))
            left = float(churned[first].sum() / max(churned.sum(), 1))
            results.append(Found(name, share, Estimate(value, float(low), float(high)), left))
    return results


def profit_curve(
    order: np.ndarray, churned: np.ndarray, value: np.ndarray, save_rate: float, cost: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (share contacted, profit per account of the population), shape (n,) each, most at risk first.

    Every contact costs `cost`; of the leavers among those contacted the share `save_rate` stays, each worth `value`.

    >>> share, profit = profit_curve(np.array([2.0, 1.0]), np.array([True, False]), np.array([100.0, 100.0]), 0.3, 10.0)
    >>> profit.tolist()  # 0.3 x 100 - 10 from the first, 10 less with the second; per account of two
    [10.0, 5.0]
    """
    ranked = np.argsort(-order, kind="stable")
    gained = contact_value(churned[ranked] * value[ranked], save_rate, cost)
    n = len(order)
    return np.arange(1, n + 1) / n, np.asarray(np.cumsum(gained) / n)


def best_profit(curves: Sequence[np.ndarray]) -> list[float]:
    """Return the largest profit per account that each curve reaches; at least 0, with nobody contacted."""
    return [float(max(0.0, curve.max(initial=0.0))) for curve in curves]
