"""Announced changes of MRR: ends, pauses and starts known at as_of, and the accounts that have given notice.

They are read from the feature rows alone, so that a row sent to the API is scored as one of the published list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.training.examples.person_periods import numbers

ANNOUNCED = (
    "mrr_ending",
    "mrr_pausing",
    "mrr_starting",
    "days_to_announced_end",
    "days_to_last_announced_end",
    "days_to_announced_pause",
    "days_to_announced_start",
)
ROUNDING = 0.005  # share of MRR; what is left after all announced ends, if it is no more than this, is nothing


@dataclass(frozen=True)
class Announced:
    """The MRR of n accounts at as_of and its announced changes; float arrays of shape (n,).

    `mrr`, `ending`, `pausing`, `starting`: money per month, 0 where nothing is announced. `first_end`, `last_end`,
    `pause`, `start`: days after as_of, NaN where nothing is announced.
    """

    mrr: np.ndarray
    ending: np.ndarray
    pausing: np.ndarray
    starting: np.ndarray
    first_end: np.ndarray
    last_end: np.ndarray
    pause: np.ndarray
    start: np.ndarray

    @property
    def mrr_after(self) -> np.ndarray:
        """Return the MRR, shape (n,), once every announced change has taken effect; at least 0."""
        after = self.mrr + self.starting - self.ending - self.pausing
        return np.where(after > ROUNDING * self.mrr, after, 0.0)

    @property
    def is_notice(self) -> np.ndarray:
        """Return bool, shape (n,): the account has given notice, all of its MRR is announced to end."""
        return (self.ending > 0) & (self.mrr_after == 0) & ~np.isnan(self.last_end)


def announced(rows: pa.Table) -> Announced:
    """Return the announced changes that feature rows hold; none where their columns are missing."""
    mrr, ending, pausing, starting = (
        np.nan_to_num(numbers(rows, name)) for name in ("mrr", "mrr_ending", "mrr_pausing", "mrr_starting")
    )
    return Announced(mrr, ending, pausing, starting, *(numbers(rows, name) for name in ANNOUNCED[3:]))
