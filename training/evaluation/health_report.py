"""What was found about a health score that a team already keeps: its mistakes, and what its churners had in common."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import FEW_CHURNERS, Result


@dataclass(frozen=True)
class Mistake:
    """One account that the score was wrong about.

    `as_of`: ISO date. `score`: as given. `mrr`: money per month. `probability`: of churn by the model then, 0 to 1.
    `first_reason`: the family that raised that probability most; "" where none raised it.
    """

    account_id: str
    as_of: str
    score: str
    mrr: float
    probability: float
    first_reason: str


@dataclass(frozen=True)
class Mistakes:
    """All mistakes of one kind, misses or false alarms, among the snapshots with a score.

    `snapshots` of `accounts` accounts. `share`: of the `of` leavers (misses) or of the `of` in alarm (false alarms).
    `rate`: of the `among` healthy (misses) or of the `among` that stayed (false alarms). `mrr`: of the snapshots, per
    month, and `mrr_share`: of the MRR of the `of` snapshots. `listed`: the largest by MRR, each account once.
    """

    snapshots: int
    accounts: int
    share: Estimate
    of: int
    rate: Estimate
    among: int
    mrr: float
    mrr_share: float
    listed: tuple[Mistake, ...]

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values; a number that cannot be computed is null."""
        return asdict(self) | {
            "share": _plain(self.share),
            "rate": _plain(self.rate),
            "mrr_share": self.mrr_share if np.isfinite(self.mrr_share) else None,
        }


@dataclass(frozen=True)
class Difference:
    """How one feature differs between the misses and the healthy accounts that stayed.

    `feature`: a column, or a column and one of its texts. `is_share`: `gone` and `stayed` are shares of the accounts,
    else medians. `standardised`: the difference of the means in standard deviations, with an interval. `known_gone`,
    `known_stayed`: accounts for which the feature was known.
    """

    feature: str
    sentence: str
    family: str
    is_share: bool
    gone: float
    stayed: float
    standardised: Estimate
    known_gone: int
    known_stayed: int


@dataclass(frozen=True)
class InCommon:
    """What the misses had in common beside the healthy accounts that stayed.

    `gone`, `stayed`: accounts compared. `compared`: features. `differences`: the largest that are surely none by
    chance, one per feature card. `said`: one sentence on what was compared, or why nothing was.
    """

    gone: int
    stayed: int
    compared: int
    differences: tuple[Difference, ...]
    said: str


@dataclass(frozen=True)
class HealthReport:
    """A health score judged within `horizon` days on `snapshots` snapshots.

    `unknown`: snapshots without a score of the last `max_age_days`; `stale`: those of them with an older one.
    `healthy`, `alarm`: the bounds in words. `why`: how its probability was found. `on_scored`: the model and the score
    on the snapshots with a score, where not all have one.
    """

    horizon: int
    snapshots: int
    unknown: int
    stale: int
    max_age_days: int
    healthy: str
    alarm: str
    why: str
    on_scored: tuple[Result, ...]
    misses: Mistakes
    false_alarms: Mistakes
    in_common: InCommon

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was known, how the score was carried to a probability, and what is too thin to say."""
        known = self.snapshots - self.unknown
        said = [
            f"Health score: known for {known:,} of {self.snapshots:,} snapshots. {self.unknown:,} had none recorded in "
            f"the {self.max_age_days} days before ({self.stale:,} of them an older one): unknown, taken to leave at "
            "the rate of those without a score in training."
            if self.unknown
            else f"Health score: known for all {self.snapshots:,} snapshots."
        ]
        if self.why:
            said.append(f"Health score: {self.why}")
        if self.misses.of < FEW_CHURNERS:
            said.append(f"Health score: only {self.misses.of} with a score left: its shares say little.")
        return tuple(said)

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values; a number that cannot be computed is null."""
        return {
            "horizon": self.horizon,
            "snapshots": self.snapshots,
            "unknown": self.unknown,
            "stale": self.stale,
            "max_age_days": self.max_age_days,
            "healthy": self.healthy,
            "alarm": self.alarm,
            "on_scored": [result.as_json() for result in self.on_scored],
            "misses": self.misses.as_json(),
            "false_alarms": self.false_alarms.as_json(),
            "in_common": asdict(self.in_common),
            "notes": self.notes,
        }


def _plain(estimate: Estimate) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in asdict(estimate).items()}
