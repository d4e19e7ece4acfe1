"""Snapshots whose headline window was followed, with their health score, the model's forecast and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.examples.split import Examples
from undertow.training.health_score.bounds import Bounds
from undertow.training.health_score.known_scores import GIVEN, has_stale, health_of
from undertow.training.value.spend import paid_per_month

MOST_LISTED = 10  # mistakes of each kind


@dataclass(frozen=True)
class HealthSnapshots:
    """n snapshots of one moment, or of several; arrays of shape (n,), and `rows`, their feature rows.

    `health`: higher is healthier, NaN where unknown; `score`: as given, "" without any; `is_stale`: it was too old.
    `is_healthy`, `is_alarm`: by the bounds of their moment. `probability`: of churn by the model, `rule`: by the score;
    NaN where there is no rule. `first_reason`: of the largest mistakes by MRR, "" for all others.
    """

    account: np.ndarray
    as_of: np.ndarray
    score: np.ndarray
    health: np.ndarray
    is_stale: np.ndarray
    is_healthy: np.ndarray
    is_alarm: np.ndarray
    churned: np.ndarray
    mrr: np.ndarray
    probability: np.ndarray
    rule: np.ndarray
    first_reason: np.ndarray
    rows: pa.Table

    @property
    def missed(self) -> np.ndarray:
        """Return bool, shape (n,): healthy by the score, and gone."""
        return self.is_healthy & self.churned

    @property
    def false_alarm(self) -> np.ndarray:
        """Return bool, shape (n,): in alarm by the score, and stayed."""
        return self.is_alarm & ~self.churned

    def labels_of(self, rows: np.ndarray) -> HeldOutLabels:
        """Return the labels of some rows, a mask; rows of one account are drawn together."""
        return HeldOutLabels(self.churned[rows], np.unique(self.account[rows], return_inverse=True)[1])


def health_snapshots(
    matured: Examples, bundle: Bundle, bounds: Bounds, probability: np.ndarray, rule: np.ndarray | None
) -> HealthSnapshots:
    """Return the snapshots of one moment; `probability`: of the model, `rule`: of the score, each of shape (n,)."""
    rows, health = matured.rows, health_of(matured.rows)
    churned = matured.outcomes.churned(bundle.headline)
    mrr = paid_per_month(rows)
    is_healthy, is_alarm = bounds.is_healthy(health), bounds.is_alarm(health)
    listed = np.concatenate([largest(is_healthy & churned, mrr), largest(is_alarm & ~churned, mrr)])
    return HealthSnapshots(
        account=np.array(rows["account_id"].to_pylist(), dtype=object),
        as_of=np.array([f"{day:%Y-%m-%d}" for day in rows["as_of"].to_pylist()], dtype=object),
        score=np.array([score or "" for score in rows[GIVEN].to_pylist()], dtype=object),
        health=health,
        is_stale=has_stale(rows),
        is_healthy=is_healthy,
        is_alarm=is_alarm,
        churned=churned,
        mrr=mrr,
        probability=probability,
        rule=np.full(len(health), np.nan) if rule is None else rule,
        first_reason=_first_reasons(bundle, rows, listed),
        rows=rows,
    )


def pool_health(parts: Sequence[HealthSnapshots]) -> HealthSnapshots:
    """Return the snapshots of several moments together, in the order given."""
    names = [field.name for field in fields(HealthSnapshots) if field.name != "rows"]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return HealthSnapshots(**joined, rows=pa.concat_tables([part.rows for part in parts]))


def largest(chosen: np.ndarray, mrr: np.ndarray) -> np.ndarray:
    """Return the positions of up to MOST_LISTED chosen rows (a mask), the largest MRR first.

    >>> largest(np.array([True, False, True]), np.array([10.0, 99.0, 20.0])).tolist()
    [2, 0]
    """
    positions = np.flatnonzero(chosen)
    return positions[np.argsort(-mrr[positions], kind="stable")][:MOST_LISTED]


def _first_reasons(bundle: Bundle, rows: pa.Table, listed: np.ndarray) -> np.ndarray:
    """Return the family that raises the probability most, shape (n,), for the listed rows; "" for all others."""
    reasons = np.full(rows.num_rows, "", dtype=object)
    if len(listed):
        by_family = bundle.score(rows.take(pa.array(listed))).probability_by_family
        for position, of_row in zip(listed, by_family, strict=True):
            reasons[position] = REASON_FAMILIES[int(of_row.argmax())] if of_row.max() > 0 else ""
    return reasons
