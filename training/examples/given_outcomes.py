"""Labels of a file of feature rows: the outcomes stated there, as known at a time.

They look ahead of as_of, as `outcomes` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from undertow.features.build.feature_table import FeatureTable
from undertow.training.examples.outcomes import Outcomes
from undertow.training.examples.person_periods import numbers

MICROSECONDS_A_DAY = 86_400e6


def given_outcomes(seen: FeatureTable, as_ofs: Sequence[datetime], observed: datetime) -> Outcomes:
    """Return the labels of the rows of these as_ofs, as far as they had been observed by `observed`.

    `seen`: followed_days, churn_days and cause of every row. A churn on a later day is not seen, and days after it are
    not followed.
    """
    rows = seen.read(as_ofs)
    as_of = np.array(rows["as_of"].to_numpy(), dtype="datetime64[us]")
    until = (np.datetime64(observed, "us") - as_of).astype("timedelta64[us]").astype(np.float64) / MICROSECONDS_A_DAY
    followed = np.clip(np.minimum(numbers(rows, "followed_days"), until), 0.0, None)
    days = numbers(rows, "churn_days")
    churned = days < followed
    n = rows.num_rows
    return Outcomes(
        followed_days=followed,
        churn_days=np.where(churned, days, np.nan),
        neutral_days=np.full(n, np.nan),
        cause=np.where(churned, np.array(rows["cause"].to_pylist(), dtype=object), ""),
        gone=np.zeros(n, dtype=bool),
    )
