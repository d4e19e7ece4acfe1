"""Notices: snapshots of accounts that had given notice, and how many of them left as announced.

Whether such an account leaves is known, not forecast: no model learns from it, and none is judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.training.examples.announced import announced
from undertow.training.examples.split import Examples

FEW_NOTICES = 20  # matured notices below which every notice is believed
LATE_DAYS = 30  # an account that leaves up to so many days after the announced end left as announced
IS_NOTICE = 0.5  # share; where fewer left as announced, an announced end is the end of a term and no notice


@dataclass(frozen=True)
class Notices:
    """What became of notices: `given`, of which `matured` were followed to 30 days after the end, and `left` left."""

    given: int
    matured: int
    left: int

    @property
    def probability(self) -> float:
        """Return the probability that a notice is followed by leaving: the share observed, or 1 where it is thin.

        >>> Notices(given=50, matured=40, left=38).probability, Notices(given=50, matured=19, left=0).probability
        (0.95, 1.0)
        """
        return self.left / self.matured if self.matured >= FEW_NOTICES else 1.0


def split_notices(examples: Examples) -> tuple[Examples, Examples]:
    """Return the examples of accounts that had not given notice at their as_of, and those that had."""
    given = announced(examples.rows).is_notice
    return examples.take(~given), examples.take(given)


def count_notices(examples: Examples) -> Notices:
    """Count the notices among examples of accounts that had given notice; one seen from several as_ofs counts once."""
    examples = examples.uniform()
    once = examples.take(_first_of_each(examples))
    judged_by = announced(once.rows).last_end + LATE_DAYS
    outcomes = once.outcomes
    matured = outcomes.followed_days >= judged_by
    left = matured & (outcomes.churn_days < judged_by)
    return Notices(len(once), int(matured.sum()), int(left.sum()))


def _first_of_each(examples: Examples) -> np.ndarray:
    """Return bool, shape (n,): the first row of each account and announced end, to the minute."""
    as_of = examples.rows["as_of"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[m]").astype(float)
    ends = np.round(as_of + announced(examples.rows).last_end * 24 * 60)
    _, first = np.unique(np.stack([examples.accounts, ends], axis=1), axis=0, return_index=True)
    return np.isin(np.arange(len(ends)), first)
