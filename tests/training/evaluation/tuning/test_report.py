"""The report of tuning says how many trials there were, both losses, and what is used and why."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np

from undertow.training.churn.trees import TreeFactors
from undertow.training.evaluation.gate import Guard, Verdict, decide
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.tuning.report import TuningReport

CHURNED = np.arange(200) % 4 == 0
LABELS = HeldOutLabels(CHURNED, np.arange(200))
FLAT = np.full(200, 0.25)
FOUND = TuningReport(30, 7, 0.2011, 0.2017, asdict(TreeFactors(num_leaves=1.5)))


def judged(p: np.ndarray) -> TuningReport:
    return replace(FOUND, verdict=decide(p, FLAT, LABELS, resamples=50))


def test_not_surely_better_settings_are_not_used_and_the_note_says_so() -> None:
    report = judged(FLAT)
    assert not report.is_used
    assert report.note.startswith(
        "30 trials of tuning: log loss inside the training data 0.20110 at best, 0.20170 with the defaults (best: "
        "leaves × 1.50, "
    )
    assert report.note.endswith(
        "On the held-out test they are not surely better (log-loss gain +0.0000, 90 % interval +0.0000 to +0.0000): "
        "the defaults are used."
    )


def test_surely_better_settings_are_used_and_the_note_says_that_the_test_chose_them() -> None:
    report = judged(np.where(CHURNED, 0.7, 0.1))
    assert report.is_used
    assert "surely better" in report.note and "slightly too good" in report.note


def test_better_settings_that_fail_on_a_guard_are_not_used() -> None:
    promoted = judged(np.where(CHURNED, 0.7, 0.1)).verdict
    assert promoted is not None
    failing = replace(FOUND, verdict=Verdict(False, "", promoted.gain, (Guard("lift", False, ""),)))
    assert "but fail on lift: the defaults are used." in failing.note


def test_what_mlflow_and_json_get_holds_trials_losses_and_factors() -> None:
    report = judged(FLAT)
    assert report.parameters()["tuning.trials"] == 30
    assert (report.parameters()["tuning.used"], report.parameters()["tuning.num_leaves"]) == (False, 1.5)
    assert report.metrics() == {"tuning_log_loss": 0.2011, "tuning_default_log_loss": 0.2017, "tuning_gain": 0.0}
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert (told["trials"], told["best_trial"], told["used"]) == (30, 7, False)
    assert told["factors"]["num_leaves"] == 1.5 and told["held_out_gain"]["value"] == 0


def test_a_skipped_search_has_no_losses_and_says_why() -> None:
    report = TuningReport(0, why_not="Not tuned: 57 churners.")
    assert (report.note, report.metrics(), report.as_json()["log_loss"]) == ("Not tuned: 57 churners.", {}, None)
