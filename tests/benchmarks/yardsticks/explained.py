"""The model's answers behind its reasons, by feature family: what the claims about reasons judge."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from undertow.training.bundle.bundle import Bundle


@dataclass(frozen=True)
class Explained:
    """Churn probabilities of n accounts at the headline horizon, taken apart; all in probability, 0.01 is a point.

    `probability`: (n,). `like`: (n,), the probability of accounts in the same contract position. `by_family`: (n, 4),
    what each of REASON_FAMILIES adds: like + sum over families = probability. `changed`: (n, 4), what each family has
    changed since the earlier as_of; `clock`: (n,), the rest of the change of the probability. Both are NaN for
    accounts that were not at risk then.
    """

    probability: np.ndarray
    like: np.ndarray
    by_family: np.ndarray
    changed: np.ndarray
    clock: np.ndarray

    def take(self, rows: np.ndarray) -> Explained:
        """Return the answers of some accounts: positions, or a flag per account."""
        return Explained(*(getattr(self, field.name)[rows] for field in fields(self)))


def explain(bundle: Bundle, now_rows: pa.Table, earlier_rows: pa.Table) -> Explained:
    """Return the model's answers for the accounts of `now_rows`, in their order.

    Both tables are feature rows with account_id, at one as_of each; `earlier_rows` may lack accounts or hold others.
    """
    scores = bundle.score(now_rows)
    probability = scores.probability[:, bundle.ends.index(bundle.headline)]
    changed, clock = np.full(scores.probability_by_family.shape, np.nan), np.full(len(probability), np.nan)
    earlier = _positions(now_rows, earlier_rows)
    known = np.flatnonzero(earlier >= 0)
    if len(known) > 0:
        change = bundle.change(now_rows.take(pa.array(known)), earlier_rows.take(pa.array(earlier[known])))
        changed[known], clock[known] = change.by_family, change.clock
    return Explained(probability, scores.like_probability, scores.probability_by_family, changed, clock)


def _positions(rows: pa.Table, among: pa.Table) -> np.ndarray:
    """Return the position of each row's account in another table, shape (n,); -1 where it is not there."""
    position = {account: index for index, account in enumerate(among["account_id"].to_pylist())}
    return np.array([position.get(account, -1) for account in rows["account_id"].to_pylist()], dtype=np.int64)
