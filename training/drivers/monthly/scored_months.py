"""Accounts scored at several month starts: a sample of the same accounts month after month, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from undertow.training.bundle.scores import Scores

MOST_ACCOUNTS = 400  # of a month; scoring those of thirteen months takes some three seconds
NOT_STATED = "not stated"


@dataclass(frozen=True)
class ScoredMonths:
    """n rows, one per account and month; arrays of shape (n,) unless said.

    `as_ofs`: M days, oldest first. `customers`: (M,), how many accounts were customers then, of which those here are a
    sample. `month`: the place in `as_ofs`. `account`: whole numbers from 0. `labels`: way of grouping -> the group of
    each row. `probability`: P(churn within the headline horizon). `like`: that of accounts in the same contract
    position. `by_family`: (n, 4), in the order of REASON_FAMILIES; with `like` it adds up to `probability`.
    `value_at_risk`, `like_value`, `value_by_family` (n, 4): the same in money, NaN where it is not known.
    """

    as_ofs: tuple[str, ...]
    customers: np.ndarray
    month: np.ndarray
    account: np.ndarray
    labels: Mapping[str, np.ndarray]
    probability: np.ndarray
    like: np.ndarray
    by_family: np.ndarray
    value_at_risk: np.ndarray
    like_value: np.ndarray
    value_by_family: np.ndarray

    def sampled(self) -> np.ndarray:
        """Return how many accounts of each month are here, (M,)."""
        return np.bincount(self.month, minlength=len(self.as_ofs))


def sample(account_ids: Sequence[str], most: int) -> np.ndarray:
    """Return which accounts are taken, bool, (n,): the `most` with the smallest hash of their id.

    The same ids are taken whatever the others are, as far as there is room: an account of one month's sample is in
    that of the next, unless so many came that have smaller hashes.

    >>> int(sample(["a", "b", "c"], most=2).sum()), sample(["a", "b"], most=2).tolist(), sample([], most=2).tolist()
    (2, [True, True], [])
    """
    hashes = np.array([_hash(each) for each in account_ids], dtype=np.uint64)
    taken = np.zeros(len(hashes), dtype=bool)
    taken[np.argsort(hashes, kind="stable")[:most]] = True
    return taken


def _hash(account_id: str) -> int:
    return int.from_bytes(blake2b(account_id.encode(), digest_size=8).digest(), "big")


def join(
    as_ofs: Sequence[str],
    customers: Sequence[int],
    account_ids: Sequence[Sequence[str]],
    labels: Mapping[str, Sequence[Sequence[str | None]]],
    scores: Sequence[Scores],
    headline: int,
) -> ScoredMonths:
    """Return the scored accounts of several months as one; every sequence has one entry per month, oldest first.

    `headline`: the place of the headline horizon among the horizons.
    """
    counts = [len(ids) for ids in account_ids]
    _, account = np.unique([each for ids in account_ids for each in ids], return_inverse=True)
    named = {
        way: np.array([text or NOT_STATED for texts in by_month for text in texts], dtype=object)
        for way, by_month in labels.items()
    }
    whole = Scores.join(scores)
    return ScoredMonths(
        as_ofs=tuple(as_ofs),
        customers=np.array(customers),
        month=np.repeat(np.arange(len(counts)), counts),
        account=account,
        labels=named,
        probability=whole.probability[:, headline],
        like=whole.like_probability,
        by_family=whole.probability_by_family,
        value_at_risk=whole.value_at_risk,
        like_value=whole.like_value_at_risk,
        value_by_family=whole.value_at_risk_by_family,
    )
