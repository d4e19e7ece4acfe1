"""Claims about the model, each judged from arrays: whether its reasons hold where a cause is known to be planted.

Probabilities are at the headline horizon of 90 days; 0.01 is a point. The numbers to reach were fixed before the
first measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.report import Claim
from tests.benchmarks.yardsticks.explained import Explained
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.stability import CLEAR_LEAD, Stability

LEAST_RISE = 0.02  # true rise of the probability below which the score is not asked to see a cause
SEEN = (0.5, 1.5)  # rise predicted / true
LEADS, TIMES_WITHOUT, SHOWN = 0.5, 1.5, 0.6  # shares of the struck accounts; ratio to the share without the cause
CHANGED, ABOVE_WITHOUT = 0.6, 0.25
WORTH_SHOWING = 0.002  # contribution below which a family is not shown as a reason
WITHIN = 0.02  # error of the families' sum in every fifth of it
STABLE = 0.9  # share of retrained models with the same first family, where it leads clearly


@dataclass(frozen=True)
class Struck:
    """The n accounts that a planted cause struck, and the same accounts in the same world without it.

    `family`: the feature family that measures the cause. `true_rise`: (n,), true probability with the cause minus
    without. `is_visible`: (n,), whether the account's records before the cause are rich enough to show a change.
    `told`: how much of a fall of engagement all records together tell, for a cause that is one; it bounds what is seen.
    `ceiling_rise`: (n,), rise of the probability that the same model says, trained on ten times the accounts.
    """

    cause: str
    family: str
    with_cause: Explained
    without: Explained
    true_rise: np.ndarray
    is_visible: np.ndarray
    told: float | None = None
    ceiling_rise: np.ndarray | None = None

    @property
    def column(self) -> int:
        """Return the position of the family in REASON_FAMILIES."""
        return REASON_FAMILIES.index(self.family)


def cause_claims(struck: Struck) -> list[Claim]:
    """Return claims 1 to 4 about one planted cause; where it struck no account at risk, one that is not judged."""
    if len(struck.true_rise) == 0:
        return [Claim(f"reasons: {struck.cause}", "struck no account at risk", None)]
    return [is_seen(struck), goes_to_the_family(struck), leads(struck), is_named_as_change(struck)]


def is_seen(struck: Struck) -> Claim:
    """Claim 1: the mean probability rises by between SEEN times the true rise, where that is LEAST_RISE or more."""
    said = float((struck.with_cause.probability - struck.without.probability).mean())
    true = float(struck.true_rise.mean())
    exempt = true < LEAST_RISE
    ratio = said / true if true else np.nan
    measured = f"{_points(said)} said, {_points(true)} true, {ratio:.2f} of it; {len(struck.true_rise)} accounts"
    if struck.ceiling_rise is not None:
        measured += f"; trained on ten times the accounts {struck.ceiling_rise.mean() / struck.true_rise.mean():.2f}"
    if struck.told is not None:
        measured += f"; the records tell {struck.told:.2f} of the fall of engagement"
    return Claim(
        f"1 seen: {struck.cause} raises the score by {SEEN[0]} to {SEEN[1]} times the truth",
        measured + (f"; exempt, the true rise is below {_points(LEAST_RISE)}" if exempt else ""),
        None if exempt else SEEN[0] <= ratio <= SEEN[1],
    )


def goes_to_the_family(struck: Struck) -> Claim:
    """Claim 2: the family that measures the cause gets over half of the summed rise, and more than any other."""
    rises = (struck.with_cause.by_family - struck.without.by_family).sum(axis=0)
    total = float((struck.with_cause.probability - struck.without.probability).sum())
    share = rises / total if total > 0 else np.full(len(rises), np.nan)
    ours, others = share[struck.column], np.delete(share, struck.column)
    shares = ", ".join(f"{family} {part:.2f}" for family, part in zip(REASON_FAMILIES, share, strict=True))
    return Claim(
        f"2 right family: over half of the rise by {struck.cause} goes to {struck.family}",
        f"{shares}; of {_points(total / len(struck.true_rise))} per account",
        bool(ours > 0.5 and ours > others.max()),
    )


def leads(struck: Struck) -> Claim:
    """Claim 3: the family comes first for LEADS of the accounts, and TIMES_WITHOUT as often; it is shown for SHOWN."""
    first, without = (_first(one.by_family, struck.column) for one in (struck.with_cause, struck.without))
    ours = struck.with_cause.by_family[:, struck.column]
    rank = (struck.with_cause.by_family > ours[:, None]).sum(axis=1)
    shown = float(((rank < 2) & (ours >= WORTH_SHOWING)).mean())
    return Claim(
        f"3 leads: {struck.family} is first for {LEADS:.0%} after {struck.cause}, {TIMES_WITHOUT} times as often as "
        f"without, and shown for {SHOWN:.0%}",
        f"first {first:.0%} (without {without:.0%}), shown {shown:.0%}; {len(ours)} accounts",
        first >= LEADS and first >= TIMES_WITHOUT * without and shown >= SHOWN,
    )


def is_named_as_change(struck: Struck) -> Claim:
    """Claim 4: among the changes of 30 days the family is first for CHANGED, and ABOVE_WITHOUT more than without.

    Judged on accounts that were at risk 30 days ago, in both worlds, and whose records are rich enough.
    """
    before = ~np.isnan(struck.with_cause.clock) & ~np.isnan(struck.without.clock)
    judged = before & struck.is_visible
    first, without = _changed(struck, judged)
    measured = f"first {first:.0%} (without {without:.0%}); {judged.sum()} accounts"
    if judged.sum() < before.sum():
        all_first, all_without = _changed(struck, before)
        measured += f" with enough visits; of all {before.sum()}: {all_first:.0%} ({all_without:.0%})"
    return Claim(
        f"4 what changed: {struck.family} is first for {CHANGED:.0%} after {struck.cause}, "
        f"{ABOVE_WITHOUT * 100:.0f} points above without",
        measured,
        bool(first >= CHANGED and first >= without + ABOVE_WITHOUT) if judged.any() else None,
    )


def sum_is_calibrated(explained: Explained, true: np.ndarray) -> Claim:
    """Claim 5: in every fifth by the sum of the families, it is within WITHIN of the true one, both as means.

    `true`: (n,), true probabilities of the same accounts.
    """
    said, truly = explained.probability - explained.like, true - explained.like
    fifths = np.array_split(np.argsort(said, kind="stable"), 5)
    pairs = [(float(said[fifth].mean()), float(truly[fifth].mean())) for fifth in fifths if len(fifth)]
    worst = max((abs(one - other) for one, other in pairs), default=np.nan)
    listed = ", ".join(f"{one * 100:+.1f}/{other * 100:+.1f}" for one, other in pairs)
    return Claim(
        f"5 calibrated: what the families add, said and true, within {_points(WITHIN)} in every fifth",
        f"{listed}; worst {_points(worst)}; {len(true)} accounts",
        bool(worst <= WITHIN),
    )


def is_stable(stability: Stability) -> Claim:
    """Claim 6: models trained on other samples of accounts name the same first family, in every band of probability."""
    clear = [share for share in stability.clear if share is not None]
    per_band = ", ".join("few" if share is None else f"{share:.2f}" for share in stability.clear)
    return Claim(
        f"6 stable: the first family is the same in {STABLE:.0%} of trainings on resampled accounts, where it leads by "
        f"{_points(CLEAR_LEAD)}",
        f"{per_band} from the lowest to the highest fifth of probabilities; {stability.models} trainings",
        min(clear) >= STABLE if clear else None,
    )


def _first(contributions: np.ndarray, column: int) -> float:
    """Return the share of accounts for which a family has the largest contribution; 0 where there is none."""
    return float((contributions.argmax(axis=1) == column).mean()) if len(contributions) else 0.0


def _changed(struck: Struck, which: np.ndarray) -> tuple[float, float]:
    """Return the shares for which the family is first among the changes, with the cause and without."""
    first, without = (_first(one.changed[which], struck.column) for one in (struck.with_cause, struck.without))
    return first, without


def _points(probability: float) -> str:
    """Return a probability, or a difference of two, in percentage points."""
    return f"{probability * 100:.1f} points"
