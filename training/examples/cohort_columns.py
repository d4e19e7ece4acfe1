"""Columns whose values only name a cohort or a period: each new one is unseen, so a model cannot use them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import numbers

FEW_VALUES = 60  # a column with more distinct values names something else
OVERLAP = 0.05  # share of rows that may lie in the range of another value


def cohort_columns(rows: pa.Table, columns: tuple[ModelColumn, ...]) -> dict[str, str]:
    """Return column -> what its values name, "period" or "cohort", for the columns that name nothing else.

    Period: no two values occur at one as_of, such as the term that a snapshot belongs to. Cohort: the accounts of each
    value were created in a time of their own, such as the quarter of their signup.
    """
    as_of = rows["as_of"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]").astype(np.int64)
    created = as_of - numbers(rows, "tenure_days") * 86_400e6
    found = {}
    for column in columns:
        if column.is_text:
            values = column.encode(rows[column.name])
            for name, time in (("period", as_of.astype(float)), ("cohort", created)):
                known = column.is_known(values) & ~np.isnan(time)  # without a tenure, no cohort is known
                if column.name not in found and _follows(values[known], time[known]):
                    found[column.name] = name
    return found


def _follows(values: np.ndarray, time: np.ndarray) -> bool:
    """Return whether each of two or more values occupies a range of time of its own.

    >>> _follows(np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0, 3.0]))
    True
    >>> _follows(np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0, 3.0]))
    False
    """
    distinct, number = np.unique(values, return_inverse=True)
    if not 2 <= len(distinct) <= FEW_VALUES or time.min() == time.max():
        return False
    order = np.argsort(np.array([np.median(time[number == each]) for each in range(len(distinct))]))
    place = np.empty(len(distinct), dtype=int)
    place[order] = np.arange(len(distinct))
    rank = place[number]
    latest = np.maximum.accumulate(np.array([time[rank == each].max() for each in range(len(distinct))]))
    overlapping = (rank > 0) & (time <= latest[np.maximum(rank - 1, 0)])
    return bool(overlapping.mean() <= OVERLAP)
