"""The promotion gate: a challenger replaces the champion only if it is surely better on the held-out test.

"AUROC is higher" would promote an equal model 64 % of the time. Here the one-sided 95 % lower bound of the paired,
account-clustered log-loss gain must be above 0, and no guard may fail: the predicted total is calibrated, the top tenth
finds no fewer leavers than the champion's, and reasons are no less stable. Leakage alarms are checked by the training
job itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.training.bundle.stability import Stability
from undertow.training.evaluation.intervals import Estimate, HeldOutLabels, paired_gain
from undertow.training.evaluation.performance import difference, evaluate

CALIBRATION_SLACK = 0.10  # predicted / observed may differ from 1 by this much, or 1 must lie in its interval
STABILITY_SLACK = 0.10  # by which the share of retrained models that agree may be lower; three models measure it
NOT_MEASURED = Stability()


@dataclass(frozen=True)
class Guard:
    """One condition beside the log-loss gain. `text`: what was measured, in one sentence."""

    name: str
    passed: bool
    text: str


@dataclass(frozen=True)
class Verdict:
    """The decision of the gate. `promoted`: the challenger becomes champion. `text`: why, a sentence per condition."""

    promoted: bool
    text: str
    gain: Estimate | None = None
    guards: tuple[Guard, ...] = ()


NOT_JUDGED = Verdict(False, "Not judged yet.")


def first_champion() -> Verdict:
    """Return the verdict on a first model: it becomes champion."""
    return Verdict(True, "It is the first model, so it is the champion.")


def decide(
    challenger: np.ndarray,
    champion: np.ndarray,
    on: HeldOutLabels,
    resamples: int,
    stability: tuple[Stability, Stability] = (NOT_MEASURED, NOT_MEASURED),
) -> Verdict:
    """Compare the probabilities, shape (n,), of challenger and champion on the same held-out labels.

    The labels may pool several as_ofs: rows of one account are resampled together. `stability`: of the reasons of
    challenger and champion.

    >>> churned = np.arange(200) % 4 == 0
    >>> labels = HeldOutLabels(churned, np.arange(200))
    >>> decide(np.where(churned, 0.7, 0.1), np.full(200, 0.25), labels, resamples=100).promoted
    True
    """
    gain = paired_gain(challenger, champion, on, resamples)
    guards = (
        _calibration(challenger, on, resamples),
        _lift(challenger, champion, on, resamples),
        _stability(*stability),
    )
    bounds = f"log-loss gain {gain.value:+.4f}, 90 % interval {gain.low:+.4f} to {gain.high:+.4f}"
    failed = [guard.name for guard in guards if not guard.passed]
    if not gain.low > 0:
        decision = f"The champion stays: not surely better ({bounds})."
    elif failed:
        decision = f"The champion stays: better by log loss ({bounds}), but it fails on {' and '.join(failed)}."
    else:
        decision = f"It replaces the champion ({bounds})."
    text = " ".join([decision, *(guard.text for guard in guards)])
    return Verdict(gain.low > 0 and not failed, text, gain, guards)


# --- the guards ------------------------------------------------------------------------------


def _calibration(challenger: np.ndarray, on: HeldOutLabels, resamples: int) -> Guard:
    """Return whether predicted / observed is near 1, or 1 lies in its 95 % interval."""
    total = evaluate("challenger", 0, challenger, on, resamples).metrics["calibration"]
    passed = is_calibrated(total)
    wrong = "" if passed else f": more than {CALIBRATION_SLACK:.0%} from 1, and 1 is outside its interval"
    return Guard("calibration", passed, f"Its predicted / observed is {total.value:.2f} ({_interval(total)}){wrong}.")


def is_calibrated(total: Estimate) -> bool:
    """Return whether predicted / observed differs from 1 by at most a tenth, or 1 lies in its interval."""
    return abs(total.value - 1) <= CALIBRATION_SLACK or total.low <= 1 <= total.high


def _lift(challenger: np.ndarray, champion: np.ndarray, on: HeldOutLabels, resamples: int) -> Guard:
    """Return whether the lift of the top tenth is not surely lower than the champion's."""
    more = difference("lift", challenger, champion, on, resamples)
    passed = not more.high < 0
    wrong = "" if passed else ": surely lower"
    said = f"Its top-tenth lift less the champion's is {more.value:+.2f} ({_interval(more)}){wrong}."
    return Guard("lift", passed, said)


def _stability(challenger: Stability, champion: Stability) -> Guard:
    """Return whether the first reason stays first in about as many retrained models as for the champion."""
    mine, theirs = challenger.overall, champion.overall
    if mine is None or theirs is None:
        return Guard("stability of reasons", True, "The stability of reasons was not measured for both.")
    passed = mine >= theirs - STABILITY_SLACK
    wrong = "" if passed else f": more than {100 * STABILITY_SLACK:.0f} points lower"
    said = f"Its first reason stays first in {mine:.0%} of retrained models, the champion's in {theirs:.0%}"
    return Guard("stability of reasons", passed, f"{said}{wrong}.")


def _interval(estimate: Estimate) -> str:
    return f"95 % interval {estimate.low:.2f} to {estimate.high:.2f}"
