"""The report of a training run, as JSON."""

from __future__ import annotations

import json

from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import METRICS
from undertow.training.evaluation.report import TrainReport


def test_the_report_is_json_without_nan(report: TrainReport) -> None:
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert told["learned"]["train_churners"] >= 20
    assert len(told["results"]) == len(report.results)


def test_what_cannot_be_told_is_null_in_json(report: TrainReport) -> None:
    unknown = Estimate(float("nan"), float("nan"), float("nan"))
    blind = [type(r)(r.model, r.horizon, r.rows, 0, dict.fromkeys(METRICS, unknown)) for r in report.results]
    told = type(report)(**{**report.__dict__, "results": tuple(blind)}).as_json()
    assert json.loads(json.dumps(told, allow_nan=False))["results"][0]["metrics"]["auroc"]["value"] is None
