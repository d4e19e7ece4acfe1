"""Runs a backtest and keeps what it found: an HTML report and JSON in the store, and a run in MLflow."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from undertow.features.publishing.versions import current, publish
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Progress
from undertow.serving.pages.reports.backtest_report import backtest_html
from undertow.training.backtest.backtest import BacktestReport, backtest, metrics_of
from undertow.training.backtest.charts import charts
from undertow.training.evaluation.performance import SAID
from undertow.training.registry.tracking import Record, log_record, open_registry

REPORT, NUMBERS = "report.html", "backtest.json"


def newest_backtest(settings: Settings, headline: int) -> dict[str, object] | None:
    """Return what the newest backtest found at the headline horizon (days), for the model page; None without one."""
    folder = current(settings.store_path("backtests"))
    if folder is None:
        return None
    try:
        said = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        moments = [{name: moment[name] for name in ("as_of", "learned", "churners")}
                   | {"results": _at(moment["results"], headline)} for moment in said["moments"]]  # fmt: skip
        return {"at": folder.name, "moments": moments, "pooled": _at(said["pooled"], headline)}
    except (OSError, ValueError, LookupError, TypeError):
        return None  # it is one more thing to show, and no reason not to publish a list


def _at(results: list[dict[str, object]], horizon: int) -> list[dict[str, object]]:
    return [result for result in results if result["horizon"] == horizon]


def run_backtest(
    settings: Settings, now: datetime, moments: int, progress: Progress | None = None
) -> tuple[BacktestReport, Path]:
    """Run the backtest, keep it in the store's `backtests/`, log it to MLflow, and return it and its HTML file."""
    registry = open_registry(settings)
    with registry.start_run():
        report = backtest(settings, now, moments, progress)

        def write(folder: Path) -> None:
            text = json.dumps(report.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
            (folder / NUMBERS).write_text(text, encoding="utf-8")
            (folder / REPORT).write_text(backtest_html(report, charts(report), SAID), encoding="utf-8")

        folder = publish(settings.store_path("backtests"), f"{now:%Y%m%dT%H%M%S%f}", write)
        files = (folder / REPORT, folder / NUMBERS)
        tags = {"kind": "backtest", "mlflow.runName": "backtest"}
        log_record(Record({"moments": moments}, tags, metrics_of(report), files))
    return report, folder / REPORT
