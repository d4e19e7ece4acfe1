"""Shares of risk and of money at risk per family, month by month, for everybody and for groups, with intervals.

The mean probability of a group is the mean of accounts in the same contract position (context: contract, tenure and
the time to the renewal) plus the mean contribution of each family. The share of risk of a part is its mean divided by
the mean probability; the shares add up to 1, and one below 0 lowers the risk. Money at risk is divided in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.drivers.associated import FEW_ACCOUNTS
from undertow.training.drivers.monthly.scored_months import ScoredMonths
from undertow.training.evaluation.intervals import account_weights

RESAMPLES = 200
PARTS = ("like", *REASON_FAMILIES)
EVERYBODY = "all"
MOST_GROUPS = 12  # of one way of grouping


@dataclass(frozen=True)
class Drawn:
    """Means of one group in one month: the first as observed, the others of bootstrap resamples of accounts.

    `probability`: (1 + RESAMPLES,). `parts`: (1 + RESAMPLES, 5), in the order of PARTS. `money`, `money_parts`: the
    same of value at risk, summed over all customers of the group; None where it is not known. `accounts`: of the
    sample.
    """

    accounts: int
    probability: np.ndarray
    parts: np.ndarray
    money: np.ndarray | None
    money_parts: np.ndarray | None

    @property
    def too_few(self) -> bool:
        """Whether there are too few accounts to say anything."""
        return self.accounts < FEW_ACCOUNTS


@dataclass(frozen=True)
class Group:
    """A group of accounts in every month. `by`: the way of grouping, EVERYBODY with the name "" for all."""

    by: str
    name: str
    months: tuple[Drawn, ...]


class Shares:
    """Shares of scored months, group by group; all with the same resamples, so that months can be compared."""

    def __init__(self, scored: ScoredMonths, seed: int = 0) -> None:
        self._scored, self._seed = scored, seed
        known = ~np.isnan(scored.value_at_risk)
        money = np.column_stack([scored.value_at_risk, scored.like_value, scored.value_by_family])
        chances = np.column_stack([scored.probability, scored.like, scored.by_family])
        self._values = np.column_stack([chances, np.where(known[:, None], money, 0.0)])
        self._known = known
        sampled = np.maximum(scored.sampled(), 1)
        self._scale = scored.customers / sampled

    @cached_property
    def _weights(self) -> np.ndarray:
        """Return how often each account counts, as observed and in each resample, (1 + RESAMPLES, accounts)."""
        accounts = int(self._scored.account.max()) + 1 if len(self._scored.account) else 0
        drawn = account_weights(np.arange(accounts), RESAMPLES, self._seed)
        return np.vstack([np.ones((1, accounts)), drawn])

    def groups(self) -> tuple[list[Group], dict[str, list[str]]]:
        """Return everybody and every group, and per way of grouping the names of smaller groups that are left out."""
        found = [Group(EVERYBODY, "", self._months(np.ones(len(self._scored.month), dtype=bool)))]
        left_out = {}
        for way, labels in self._scored.labels.items():
            names, counts = np.unique(labels.astype(str), return_counts=True)
            largest = names[np.argsort(-counts, kind="stable")]
            left_out[way] = [str(name) for name in largest[MOST_GROUPS:]]
            for name in sorted(largest[:MOST_GROUPS]):
                found.append(Group(way, str(name), self._months(labels == name)))
        return found, left_out

    def _months(self, mine: np.ndarray) -> tuple[Drawn, ...]:
        return tuple(self._month(mine & (self._scored.month == number), number) for number in self._numbers)

    @property
    def _numbers(self) -> range:
        return range(len(self._scored.as_ofs))

    def _month(self, mine: np.ndarray, number: int) -> Drawn:
        accounts = int(mine.sum())
        weights = self._weights[:, self._scored.account[mine]]
        sums = weights @ self._values[mine]
        means = sums / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
        money = means[:, 6:] * accounts * self._scale[number] if self._known[mine].any() else None
        return Drawn(
            accounts,
            means[:, 0],
            means[:, 1:6],
            None if money is None else money[:, 0],
            None if money is None else money[:, 1:],
        )


def shares_json(drawn: Drawn, as_of: str) -> dict[str, object]:
    """Return a group's month as plain JSON; probabilities 0 to 1, money of all its customers, 95 % intervals.

    `parts`: those of PARTS: points of probability, share of the mean probability, money, share of the money.
    """
    few = drawn.too_few
    return {
        "as_of": as_of,
        "accounts": drawn.accounts,
        "too_few": few,
        "probability": None if few else estimate(drawn.probability),
        "value_at_risk": None if few or drawn.money is None else estimate(drawn.money),
        "parts": [] if few else [_part(drawn, part) for part in PARTS],
    }


def _part(drawn: Drawn, part: str) -> dict[str, object]:
    place = PARTS.index(part)
    points = drawn.parts[:, place]
    money = None if drawn.money_parts is None else drawn.money_parts[:, place]
    return {
        "part": part,
        "points": estimate(points),
        "share": estimate(_ratio(points, drawn.probability)),
        "money": None if money is None else estimate(money),
        "money_share": None if money is None or drawn.money is None else estimate(_ratio(money, drawn.money)),
    }


def estimate(drawn: np.ndarray) -> dict[str, float] | None:
    """Return the first of the values with the 95 % interval of the others; None where it is not a number.

    >>> estimate(np.array([0.5, *np.linspace(0.0, 1.0, 201)]))
    {'value': 0.5, 'low': 0.025, 'high': 0.975}
    """
    if not np.isfinite(drawn[0]):
        return None
    low, high = np.nanquantile(drawn[1:], [0.025, 0.975])
    return {"value": float(drawn[0]), "low": float(min(low, drawn[0])), "high": float(max(high, drawn[0]))}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is nothing."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=np.abs(whole) > 1e-12)
