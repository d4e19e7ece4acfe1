"""AUROC of one score, comparing only accounts with the same as_of, with a confidence interval clustered by account."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from undertow.training.evaluation.performance import FEW_CHURNERS
from undertow.training.examples.split import Examples

FEW_SHOWN = 5  # leaving accounts below which no AUROC is shown; below FEW_CHURNERS none raises an alarm
SURE = 2.326  # standard errors: one-sided 99 %


def bands_of(headline: int) -> tuple[tuple[int, int], ...]:
    """Return the bands of days to churn: 0-7, 7-30 and 30 to the headline horizon, as far as they fit."""
    edges = [day for day in (0, 7, 30) if day < headline] + [headline]
    return tuple(pairwise(edges))


@dataclass(frozen=True)
class Auroc:
    """An AUROC with its 98 % confidence interval, clustered by account, and the number of accounts that left."""

    value: float
    low: float
    high: float
    left: int

    @property
    def is_enough(self) -> bool:
        """Whether enough accounts left to raise an alarm."""
        return self.left >= FEW_CHURNERS

    @property
    def text(self) -> str:
        """Return the AUROC, its interval and the number of accounts as text."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f}, {self.left} accounts left)"

    @property
    def strength(self) -> float:
        """Return the lower bound of the AUROC, or of 1 - AUROC if that is larger; 0 where too few accounts left."""
        return max(self.low, 1.0 - self.high) if self.is_enough else 0.0


def views(values: pa.ChunkedArray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the ways a column can predict, (view, score, rows to keep): by its value, and by being filled in or not."""
    filled = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    if pa.types.is_string(values.type):
        yield "category", _codes(values), np.ones(len(filled), dtype=bool)
    else:
        numbers = numbers_of(values)
        filled = filled & ~np.isnan(numbers)
        yield "value", numbers, filled
    if filled.any() and not filled.all():
        yield "filled", filled.astype(float), np.ones(len(filled), dtype=bool)


def numbers_of(values: pa.ChunkedArray) -> np.ndarray:
    """Return a column as floats, NaN where it is null."""
    return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _codes(values: pa.ChunkedArray) -> np.ndarray:
    """Return a whole number for each text; null is one of them."""
    encoded = values.combine_chunks().dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=float)


def as_of_numbers(examples: Examples) -> np.ndarray:
    """Return the position of each row's as_of among all as_ofs, from 0."""
    return np.asarray(np.unique(micros(examples), return_inverse=True)[1])


def micros(examples: Examples) -> np.ndarray:
    """Return each row's as_of, datetime64."""
    return np.asarray(examples.rows["as_of"].cast(pa.timestamp("us")).to_numpy())


def halves(examples: Examples) -> np.ndarray:
    """Return 0 or 1 for each row, by a hash of its account."""
    return np.array([zlib.crc32(str(name).encode()) & 1 for name in examples.rows["account_id"].to_pylist()])


def rates_elsewhere(codes: np.ndarray, left: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return, for each row, the churn rate of its value among the accounts of the other half (cross-fitted).

    Shrunk toward the overall rate by five rows, so that a value seen once carries little weight.
    """
    rates = np.empty(len(codes))
    overall = left.mean() if len(left) else 0.0
    kinds = codes.astype(int)
    size = int(kinds.max(initial=0)) + 1
    for here in (0, 1):
        there = half != here
        rows = np.bincount(kinds[there], minlength=size)
        churned = np.bincount(kinds[there], weights=left[there].astype(float), minlength=size)
        rates[~there] = ((churned + 5 * overall) / (rows + 5))[kinds[~there]]
    return rates


def auroc(score: np.ndarray, left: np.ndarray, account: np.ndarray, group: np.ndarray) -> Auroc | None:
    """Return the AUROC over pairs of rows of the same group; None where too few accounts left or stayed.

    `score` float, `left` bool, `account` and `group` whole numbers, all of shape (n,). The interval
    is that of DeLong et al. (1988), with each row's part summed by account (Obuchowski 1997).

    >>> score = np.arange(40.0)
    >>> auroc(score, left=score >= 20, account=np.arange(40), group=np.zeros(40, dtype=int)).value
    1.0
    """
    leaving = how_many(account[left])
    if leaving < FEW_SHOWN or how_many(account[~left]) < FEW_CHURNERS:
        return None
    order = np.lexsort((score, group))
    value, parts = _parts(score[order], left[order].astype(float), group[order])
    if value is None:
        return None
    by_account = np.bincount(account[order], weights=parts)
    several = how_many(account)
    error = SURE * float(np.sqrt((by_account**2).sum() * several / (several - 1)))
    return Auroc(value, max(value - error, 0.0), min(value + error, 1.0), leaving)


def how_many(account: np.ndarray) -> int:
    """Return how many different accounts there are (numbers are small, so counting beats sorting)."""
    return int(np.count_nonzero(np.bincount(account)))


def _parts(score: np.ndarray, y: np.ndarray, group: np.ndarray) -> tuple[float | None, np.ndarray]:
    """Return the AUROC of rows sorted by group and score, and how far each row moves it."""
    new = np.concatenate([[True], (np.diff(score) != 0) | (np.diff(group) != 0)])
    tie, owner = np.cumsum(new) - 1, group[new]
    churners, stayers = np.bincount(group, weights=y), np.bincount(group, weights=1 - y)
    tied_churners, tied_stayers = np.bincount(tie, weights=y), np.bincount(tie, weights=1 - y)
    below_churners = np.cumsum(tied_churners) - tied_churners - (np.cumsum(churners) - churners)[owner]
    below_stayers = np.cumsum(tied_stayers) - tied_stayers - (np.cumsum(stayers) - stayers)[owner]
    pairs = churners * stayers
    if not pairs.sum():
        return None, y
    weight = pairs / pairs.sum()
    over = (below_stayers + tied_stayers / 2) / np.maximum(stayers, 1)[owner]  # stayers that a churner beats
    under = (churners[owner] - below_churners - tied_churners / 2) / np.maximum(churners, 1)[owner]
    beats = np.where(y == 1, over[tie], under[tie])
    by_group = np.bincount(group, weights=beats * y) / np.maximum(churners, 1)
    size = np.where(y == 1, churners[group], stayers[group])
    parts = weight[group] * (beats - by_group[group]) / size
    return float((weight * by_group).sum()), parts
