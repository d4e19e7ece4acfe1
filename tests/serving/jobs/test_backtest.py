"""The backtest from tables to its report: two moments of the small simulated company."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest

from tests.trained_world import NOW
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings, load_settings
from undertow.serving.cli.console import out
from undertow.serving.cli.print_model import print_backtest
from undertow.serving.jobs.backtest import run_backtest
from undertow.training.backtest.backtest import BacktestReport
from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.report import TrainReport


@pytest.fixture(scope="module")
def found(
    trained: tuple[Settings, TrainReport], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, BacktestReport, Path]:
    folder = tmp_path_factory.mktemp("backtest") / "project"
    shutil.copytree(trained[0].folder, folder)
    settings = load_settings(folder)
    report, written = run_backtest(settings, NOW, 2)
    return settings, report, written


def test_each_moment_is_judged_beside_every_baseline(found: tuple[Settings, BacktestReport, Path]) -> None:
    _, report, _ = found
    assert len(report.moments) == 2
    for moment in report.moments:
        assert moment.known_at <= moment.as_of
        names = [result.model for result in moment.results]
        assert names[0] == MODEL and {"base rate", "recency rule", "logistic regression"} <= set(names)
    assert report.pooled[0].rows == sum(moment.results[0].rows for moment in report.moments)
    assert report.moments[0].learned < report.moments[1].learned


def test_the_report_is_one_file_that_fetches_nothing(found: tuple[Settings, BacktestReport, Path]) -> None:
    _, report, written = found
    html = written.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', html) and "<script" not in html
    assert html.count("<svg") >= 3
    for moment in report.moments:
        assert f"{moment.as_of:%Y-%m-%d}" in html
    assert "Profit rests on assumptions" in html


def test_the_numbers_lie_beside_it_and_in_mlflow(found: tuple[Settings, BacktestReport, Path]) -> None:
    settings, report, written = found
    numbers = json.loads((written.parent / "backtest.json").read_text(encoding="utf-8"))
    assert [moment["as_of"] for moment in numbers["moments"]] == [f"{m.as_of:%Y-%m-%d}" for m in report.moments]
    mlflow.set_tracking_uri(f"sqlite:///{settings.store_path('mlflow.db')}")
    which = {"search_all_experiments": True, "filter_string": "tags.kind = 'backtest'"}
    [run] = mlflow.search_runs(output_format="list", **which)
    assert run.data.metrics["backtest_auroc_pooled"] == pytest.approx(report.pooled[0].metrics["auroc"].value)
    assert run.info.status == "FINISHED"


def test_what_is_printed_names_moments_orders_and_the_file(found: tuple[Settings, BacktestReport, Path]) -> None:
    _, report, written = found
    with out.capture() as captured:
        print_backtest(report, written)
    printed = captured.get()
    assert "2 moments" in printed and "value at risk" in printed and "P(churn) x MRR" in printed
    assert written.name in printed.replace("\n", "")


def test_a_moment_without_a_model_is_named(found: tuple[Settings, BacktestReport, Path]) -> None:
    _, report, written = found
    with out.capture() as captured:
        print_backtest(replace(report, skipped=("2023-01-01: 3 accounts were seen to churn",)), written)
    assert "No model at 2023-01-01: 3 accounts" in captured.get()


def test_too_short_a_record_is_refused_and_writes_no_report(found: tuple[Settings, BacktestReport, Path]) -> None:
    settings, _, written = found
    until = settings.data.model_copy(update={"until": NOW.date().replace(year=2023)})
    short = settings.model_copy(update={"data": until})
    with pytest.raises(ModelRefusal, match="A backtest needs at least 2 moments"):
        run_backtest(short, NOW, 4)
    assert list(written.parent.parent.glob("2*")) == [written.parent]
