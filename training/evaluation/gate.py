"""The promotion gate: a challenger replaces the champion only if it is surely better on the held-out test.

"AUROC is higher" would promote an equal model 64 % of the time. Here the one-sided 95 % lower bound of the paired,
account-clustered log-loss gain must be above 0, and the predicted total must be calibrated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.training.evaluation.intervals import Estimate, HeldOutLabels, paired_gain
from undertow.training.evaluation.performance import evaluate

CALIBRATION_SLACK = 0.10  # predicted / observed may differ from 1 by this much, or 1 must lie in its interval


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate. `promoted`: the challenger becomes champion. `text`: why, in one sentence."""

    promoted: bool
    text: str
    gain: Estimate | None = None


def first_champion() -> Verdict:
    """Return the verdict on a first model: it becomes champion."""
    return Verdict(True, "It is the first model, so it is the champion.")


def decide(challenger: np.ndarray, champion: np.ndarray, on: HeldOutLabels, resamples: int) -> Verdict:
    """Compare the probabilities, shape (n,), of challenger and champion on the same held-out labels.

    >>> churned = np.arange(200) % 4 == 0
    >>> labels = HeldOutLabels(churned, np.arange(200))
    >>> decide(np.where(churned, 0.7, 0.1), np.full(200, 0.25), labels, resamples=100).promoted
    True
    """
    gain = paired_gain(challenger, champion, on, resamples)
    bounds = f"log-loss gain {gain.value:+.4f}, 90 % interval {gain.low:+.4f} to {gain.high:+.4f}"
    if not gain.low > 0:
        return Verdict(False, f"The champion stays: not surely better ({bounds}).", gain)
    total = evaluate("challenger", 0, challenger, on, resamples).metrics["calibration"]
    off = abs(total.value - 1) > CALIBRATION_SLACK and not total.low <= 1 <= total.high
    if off:
        return Verdict(False, f"The champion stays: predicted / observed is {total.value:.2f} ({bounds}).", gain)
    return Verdict(True, f"It replaces the champion ({bounds}).", gain)
