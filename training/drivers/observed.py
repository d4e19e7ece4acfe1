"""Observed churn of groups of accounts after earlier as_ofs, with confidence intervals, and by how much two differ.

Associated, never causes: who met trouble may differ from the others in much else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from undertow.training.evaluation.intervals import account_weights, wilson

FEW_ACCOUNTS = 30  # a smaller group says nothing
FEW_LEFT = 5  # of either group; with fewer there is no interval of their difference
RESAMPLES = 400
COMPARED = 0.5  # share of a group that needs others in its contract position, to be compared with them
NOT_ENOUGH = "not enough data"


@dataclass(frozen=True)
class Observed:
    """n snapshots of earlier as_ofs whose horizon is over; arrays of shape (n,).

    `rows`: their features. `churned`: bool, left within the horizon. `account`: the account, whole numbers from 0.
    `position`: the group of accounts in the same contract position, whole numbers from 0. `as_ofs`: days, oldest first.
    """

    rows: pa.Table
    churned: np.ndarray
    account: np.ndarray
    position: np.ndarray
    as_ofs: tuple[str, ...]


@dataclass(frozen=True)
class Left:
    """How many of a group left within the horizon, with the 95 % interval of the share, 0 to 1.

    `snapshots`: an account counts once per as_of. The share is None where the group has too few accounts. The interval
    is Wilson's, as wide as if each account had been seen once.
    """

    accounts: int
    snapshots: int
    left: int
    share: float | None
    low: float | None
    high: float | None

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """A share less another, in probability -1 to 1, with its 95 % interval from a bootstrap of accounts."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """Churn of two groups: as observed (`raw`), and as if both had the contract positions of the first (`like`).

    `like` is None where too few of the first group have others in their contract position. `why_not`: why there is no
    difference, None where there is one.
    """

    raw: Difference | None
    like: Difference | None
    why_not: str | None


def left_of(observed: Observed, mine: np.ndarray) -> Left:
    """Return how many of a group left; `mine`: bool, (n,).

    >>> seen = Observed(pa.table({}), np.array([True] + [False] * 39), np.arange(40), np.zeros(40, int), ())
    >>> left_of(seen, np.ones(40, bool)).share, left_of(seen, np.arange(40) < 29).share
    (0.025, None)
    """
    accounts, snapshots = len(np.unique(observed.account[mine])), int(mine.sum())
    left = int(observed.churned[mine].sum())
    if accounts < FEW_ACCOUNTS:
        return Left(accounts, snapshots, left, None, None, None)
    share = left / snapshots
    low, high = wilson(np.array([share]), np.array([accounts]))
    return Left(accounts, snapshots, left, share, float(low[0]), float(high[0]))


def compare(observed: Observed, first: np.ndarray, others: np.ndarray, seed: int = 0) -> Compared:
    """Return the churn of `first` less that of `others`, both bool, (n,), with intervals.

    `like` weighs each contract position as it occurs in `first` (direct standardization; Rothman, Modern Epidemiology).
    """
    why_not = _too_few(observed, first, others)
    if why_not:
        return Compared(None, None, why_not)
    mine = first | others
    cells = _cells(observed, mine, first[mine], seed)
    snapshots, left = cells.sum(axis=3), cells[..., 1]
    shares = left.sum(axis=1) / snapshots.sum(axis=1)
    raw = _difference(shares[:, 1] - shares[:, 0])
    in_both = (snapshots > 0).all(axis=2)
    weight = snapshots[:, :, 1] * in_both
    if weight[0].sum() < COMPARED * snapshots[0, :, 1].sum():
        return Compared(raw, None, None)
    by_position = left / np.maximum(snapshots, 1e-9)
    gaps = (by_position[..., 1] - by_position[..., 0]) * weight
    return Compared(raw, _difference(gaps.sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)), None)


def _too_few(observed: Observed, first: np.ndarray, others: np.ndarray) -> str | None:
    smaller = min(len(np.unique(observed.account[mine])) for mine in (first, others))
    if smaller < FEW_ACCOUNTS:
        return f"{NOT_ENOUGH}: one of the groups has {smaller} accounts, {FEW_ACCOUNTS} are needed"
    fewest = min(int(observed.churned[mine].sum()) for mine in (first, others))
    if fewest < FEW_LEFT:
        return f"{NOT_ENOUGH}: in one of the groups {fewest} left, {FEW_LEFT} are needed for an interval"
    return None


def _cells(observed: Observed, mine: np.ndarray, first: np.ndarray, seed: int) -> np.ndarray:
    """Return how many snapshots fall in each cell, shape (1 + RESAMPLES, positions, in first, churned).

    The first is as observed, the others are resamples of accounts.
    """
    _, account = np.unique(observed.account[mine], return_inverse=True)
    position = observed.position[mine]
    positions = int(position.max()) + 1
    cell = (position * 2 + first) * 2 + observed.churned[mine]
    weights = np.vstack([np.ones(len(cell)), account_weights(account, RESAMPLES, seed)])
    places = csr_matrix((np.ones(len(cell)), (cell, np.arange(len(cell)))), shape=(4 * positions, len(cell)))
    return np.asarray(places @ weights.T).T.reshape(-1, positions, 2, 2)


def _difference(drawn: np.ndarray) -> Difference:
    """Return the first of the differences, with the interval of the others."""
    low, high = np.nanquantile(drawn[1:], [0.025, 0.975])
    return Difference(float(drawn[0]), float(low), float(high))
