"""Revenue labels: the MRR that accounts paid in each month after their as_of, as recorded later.

Like the outcomes, they look ahead of as_of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.arrow_columns import arrow_column
from undertow.features.engines.database import Database
from undertow.training.examples.outcomes import Outcomes
from undertow.training.examples.person_periods import DAYS_A_MONTH

SUBSCRIPTIONS = ("account_id", "started_at", "ended_at", "mrr")
_PERIODS = """
SELECT n.row, n.as_of, s.started_at, s.ended_at, s.mrr FROM paying AS n JOIN ({known}) AS s
  ON s.account_id = n.account_id AND s.started_at < n.until AND coalesce(s.ended_at > n.as_of, true)
WHERE s.mrr > 0
"""


@dataclass(frozen=True)
class Revenue:
    """What n accounts paid in each of M months after as_of, until they left.

    `paid`: (n, M), MRR, averaged over the days of the month; 0 after the account left. `followed`: (n, M), bool: the
    month lies before the end of what was observed, whether the account had left by then or not: else those that left
    would be judged sooner than those that stayed. `stayed`: (n, M), bool: followed, and a customer all through it.
    """

    paid: np.ndarray
    followed: np.ndarray
    stayed: np.ndarray

    def take(self, rows: np.ndarray) -> Revenue:
        """Return the revenue of these rows (bool mask or positions)."""
        return Revenue(self.paid[rows], self.followed[rows], self.stayed[rows])


def observe_revenue(
    database: Database, rows: pa.Table, outcomes: Outcomes, known_at: datetime, months: int
) -> Revenue:
    """Return the revenue labels of feature rows with these outcomes, as known at `known_at`; tables must be open."""
    edges = np.arange(months + 1) * DAYS_A_MONTH
    left = np.nan_to_num(outcomes.left_days, nan=np.inf)[:, None]
    followed = edges[1:] <= outcomes.followed_days[:, None]
    stayed = followed & (left >= edges[1:])
    row, begins, ends, mrr = _periods(database, rows, known_at, edges[-1])
    ends = np.minimum(ends, left[row, 0])
    paid = np.zeros((rows.num_rows, months))
    for month in range(months):
        days = np.clip(np.minimum(ends, edges[month + 1]) - np.maximum(begins, edges[month]), 0.0, None)
        paid[:, month] = np.bincount(row, mrr * days / DAYS_A_MONTH, minlength=rows.num_rows)
    return Revenue(paid, followed, stayed)


def _periods(
    database: Database, rows: pa.Table, known_at: datetime, longest: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the paid periods after as_of: the row, first and last day after as_of, and MRR."""
    as_of = rows["as_of"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    paying = rows.select(["account_id", "as_of"])
    paying = paying.append_column("row", arrow_column(np.arange(rows.num_rows)))
    until = as_of + np.timedelta64(timedelta(days=longest))
    database.register("paying", paying.append_column("until", arrow_column(until)))
    known = known_rows("subscriptions", SUBSCRIPTIONS, known_at, database.dialect)
    found = database.arrow(_PERIODS.format(known=known), "revenue")
    row = np.asarray(found["row"].to_numpy())
    begins, ends = (_days(found[name], as_of[row]) for name in ("started_at", "ended_at"))
    return row, begins, np.nan_to_num(ends, nan=np.inf), np.asarray(found["mrr"].to_numpy(), dtype=float)


def _days(column: pa.ChunkedArray, as_of: np.ndarray) -> np.ndarray:
    times = column.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    return np.asarray((times - as_of) / np.timedelta64(1, "D"), dtype=float)
