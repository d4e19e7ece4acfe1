"""May a challenger replace the champion? Only if it is surely better on the newest test.

"AUROC is higher" would promote an equal model 64 % of the time. Here the one-sided 95 % lower
bound of the paired, account-clustered log-loss gain must be above 0, and the total must not be off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.training.evaluation.intervals import Estimate, Judged, paired_gain
from undertow.training.evaluation.performance import judge

CALIBRATION_SLACK = 0.10  # predicted / observed may be off by so much, or lie within its interval


@dataclass(frozen=True)
class Verdict:
    """`promoted`: whether the challenger becomes champion. `said`: why, in one sentence."""

    promoted: bool
    text: str
    gain: Estimate | None = None


def first_champion() -> Verdict:
    """Return the verdict on a model that has no rival."""
    return Verdict(True, "It is the first model, so it is the champion.")


def decide(challenger: np.ndarray, champion: np.ndarray, on: Judged, resamples: int) -> Verdict:
    """Compare probabilities, shape (n,), of challenger and champion on the same outcomes."""
    gain = paired_gain(challenger, champion, on, resamples)
    bounds = f"log-loss gain {gain.value:+.4f}, 90 % interval {gain.low:+.4f} to {gain.high:+.4f}"
    if not gain.low > 0:
        return Verdict(False, f"The champion stays: not surely better ({bounds}).", gain)
    total = judge("challenger", 0, challenger, on, resamples).metrics["calibration"]
    off = abs(total.value - 1) > CALIBRATION_SLACK and not total.low <= 1 <= total.high
    if off:
        return Verdict(False, f"The champion stays: predicted / observed is {total.value:.2f} ({bounds}).", gain)
    return Verdict(True, f"It replaces the champion ({bounds}).", gain)
