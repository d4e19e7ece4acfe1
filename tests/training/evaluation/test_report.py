"""The report of a training run, as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import numpy as np

from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import METRICS
from undertow.training.evaluation.report import TrainReport, caveats, notices_said
from undertow.training.examples.notices import Notices
from undertow.training.examples.split import Examples


def test_the_report_is_json_without_nan(report: TrainReport) -> None:
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert told["learned"]["train_churners"] >= 20
    assert len(told["results"]) == len(report.results)


def test_nothing_is_said_of_notices_where_there_are_none(report: TrainReport) -> None:
    assert notices_said(Notices(0, 0, 0), Notices(0, 0, 0)) == ()
    assert not any("notice" in note for note in report.notes)


def test_what_became_of_notices_is_said() -> None:
    learned, tested = notices_said(Notices(50, 40, 38), Notices(12, 11, 10))
    assert "taken to leave with a probability of 0.95: 38 of 40 notices in training" in learned
    assert tested.startswith("12 accounts had given notice at the test as_of.") and "10 of the 11" in tested
    assert "too few to say otherwise (from 20 on)" in notices_said(Notices(5, 4, 1), Notices(0, 0, 0))[0]


def test_announced_ends_that_few_leave_at_are_ends_of_terms() -> None:
    [note] = notices_said(Notices(400, 400, 40), Notices(90, 90, 9))
    assert note.startswith("Announced ends are taken for ends of terms") and "40 of 400 notices" in note


def test_what_cannot_be_told_is_null_in_json(report: TrainReport) -> None:
    unknown = Estimate(float("nan"), float("nan"), float("nan"))
    blind = [type(r)(r.model, r.horizon, r.rows, 0, dict.fromkeys(METRICS, unknown)) for r in report.results]
    told = type(report)(**{**report.__dict__, "results": tuple(blind)}).as_json()
    assert json.loads(json.dumps(told, allow_nan=False))["results"][0]["metrics"]["auroc"]["value"] is None


def test_with_one_as_of_to_learn_from_what_cannot_be_judged_is_said(
    examples: Callable[..., Examples], bundle: Bundle
) -> None:
    one = examples([5.0] * 30 + [np.nan] * 30)
    two = examples([5.0] * 30 + [np.nan] * 30, as_of=[datetime(2024, 1 + number % 2, 1) for number in range(60)])
    said, unsaid = (caveats((30,), learn, one, (), bundle) for learn in (one, two))
    assert [note for note in said if note.startswith("One as_of to learn from")]
    assert not [note for note in unsaid if note.startswith("One as_of")]
