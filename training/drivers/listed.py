"""The accounts of the list being published, with their features and values: what groups of them are worth now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.training.examples.person_periods import numbers


@dataclass(frozen=True)
class Listed:
    """n accounts of the list; `clv`, `value_at_risk`: (n,), money over the months of the CLV, NaN where unknown."""

    rows: pa.Table
    clv: np.ndarray
    value_at_risk: np.ndarray

    @property
    def n(self) -> int:
        """Return the number of accounts."""
        return int(self.rows.num_rows)

    def value_of(self, mine: np.ndarray) -> dict[str, object]:
        """Return mean CLV, mean MRR and the sum of value at risk of a group; None where they are not known.

        `mine`: bool, (n,). Money; MRR per month.
        """
        at_risk = self.value_at_risk[mine]
        return {
            "accounts": int(mine.sum()),
            "mean_clv": known_mean(self.clv[mine]),
            "mean_mrr": known_mean(numbers(self.rows, "mrr")[mine]),
            "value_at_risk": None if np.isnan(at_risk).all() else float(np.nansum(at_risk)),
        }


def known_mean(values: np.ndarray) -> float | None:
    """Return the mean of the known values, None where there are none.

    >>> known_mean(np.array([1.0, np.nan, 3.0])), known_mean(np.array([np.nan]))
    (2.0, None)
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def known_median(values: np.ndarray) -> float | None:
    """Return the median of the known values, None where there are none."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else None
