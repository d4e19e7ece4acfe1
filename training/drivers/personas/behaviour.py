"""Behaviour of accounts as standardized numbers: what personas are clustered on. No outcomes, money or contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import Column
from undertow.training.examples.person_periods import has_column, numbers

FAMILIES = ("ux", "cx", "usage")
TENURE = ("days_since_first_purchase", "purchase_days_ever")  # cards of usage that grow with tenure, which is contract
CLIP = 3.0  # standard deviations; beyond it, further is not more different
IQR_OF_NORMAL = 1.349  # interquartile range of a normal distribution, in standard deviations
MOSTLY_KNOWN = 0.5  # share of accounts
FEWEST_MEASURES = 4


@dataclass(frozen=True)
class Behaviour:
    """p measures with the median and the robust standard deviation that standardize each, both (p,).

    `weight`: (p,), so that each family counts alike in a distance between accounts.
    """

    measures: tuple[Column, ...]
    median: np.ndarray
    spread: np.ndarray
    weight: np.ndarray

    def standardized(self, rows: pa.Table) -> np.ndarray:
        """Return float32, (n, p): standard deviations from the median, within -CLIP and CLIP; unknown is 0."""
        values = np.column_stack([numbers(rows, each.name) for each in self.measures])
        away = np.clip((values - self.median) / self.spread, -CLIP, CLIP)
        return np.nan_to_num(away, nan=0.0).astype(np.float32)

    def weighted(self, rows: pa.Table) -> np.ndarray:
        """Return float32, (n, p): standardized, times the weight of each measure."""
        return np.asarray(self.standardized(rows) * self.weight, dtype=np.float32)


def learn_behaviour(rows: pa.Table, columns: Sequence[Column]) -> Behaviour | None:
    """Return the measures to cluster on and how they are standardized; None where there are too few of them.

    Measures are the columns of UX, CX and usage that feed the model as levels, not as deviations from the account's
    own past, are not money, are known for most accounts, and differ among the middle half of them.
    """
    chosen, medians, spreads = [], [], []
    for column in columns:
        if not _is_behaviour(column) or not has_column(rows, column.name):
            continue
        values = numbers(rows, column.name)
        known = values[~np.isnan(values)]
        if len(known) < MOSTLY_KNOWN * len(values) or not len(known):
            continue
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        if high > low:
            chosen.append(column)
            medians.append(middle)
            spreads.append((high - low) / IQR_OF_NORMAL)
    if len(chosen) < FEWEST_MEASURES:
        return None
    families = [column.feature.family for column in chosen]
    weight = np.array([1 / np.sqrt(families.count(family)) for family in families])
    return Behaviour(tuple(chosen), np.array(medians), np.array(spreads), weight)


def _is_behaviour(column: Column) -> bool:
    card = column.feature
    levels = column.feeds and not card.deviates and card.name not in TENURE
    return levels and card.family in FAMILIES and card.unit not in ("text", "money", "money/month")
