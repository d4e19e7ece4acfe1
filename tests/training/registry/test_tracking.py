"""What a run leaves in MLflow: read back through MLflow's own clients."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from undertow.features.errors import SettingsError
from undertow.features.settings import Settings, make_settings
from undertow.training.evaluation.performance import METRICS
from undertow.training.evaluation.report import TrainReport
from undertow.training.registry.tracking import ALIAS, Record, log_record, open_registry


@pytest.fixture
def run(client: MlflowClient, report: TrainReport) -> Run:
    return client.get_run(report.run_id)


def test_a_run_has_the_settings_and_the_data_it_came_from(run: Run, report: TrainReport) -> None:
    assert run.data.params["training.trees"] == "40"
    assert run.data.params["churn.grace_days"] == "30"
    assert run.data.params["train_churners"] == str(report.learned["train_churners"])
    assert {"data_fingerprint", "catalogue", "trained_until", "verdict"} <= set(run.data.tags)
    assert {"code_version", "code_hash", "lock_hash", "libraries"} <= set(run.data.tags)
    assert run.info.status == "FINISHED"


def test_a_run_has_each_metric_of_each_judged_horizon(run: Run, report: TrainReport) -> None:
    for result in report.results:
        prefix = "" if result.model == "undertow hazard" else f"{result.model.replace(' ', '_')}."
        for name in METRICS:
            logged = run.data.metrics[f"{prefix}{name}_{result.horizon}"]
            assert logged == pytest.approx(result.metrics[name].value)
    assert run.data.metrics["auroc_90_low"] <= run.data.metrics["auroc_90"] <= run.data.metrics["auroc_90_high"]


def test_a_run_has_both_pictures(client: MlflowClient, report: TrainReport) -> None:
    names = [file.path for file in client.list_artifacts(report.run_id)]
    assert {"calibration.png", "lift.png"} <= set(names)


def test_the_champion_carries_its_alias(client: MlflowClient, world: Settings, report: TrainReport) -> None:
    version = client.get_model_version_by_alias(world.name, ALIAS)
    assert (int(version.version), version.run_id) == (report.number, report.run_id)


def test_the_champion_is_read_back_as_it_was_trained(world: Settings, report: TrainReport) -> None:
    champion = open_registry(world).champion()
    assert champion is not None
    assert (champion.number, champion.run_id) == (report.number, report.run_id)
    assert champion.bundle.version == report.version


def test_nothing_among_the_artifacts_is_pickled(world: Settings) -> None:
    files = [path for path in world.store_path("mlartifacts").rglob("*") if path.is_file()]
    assert any(path.name == "bundle.json" for path in files)
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".joblib")]
    assert not [path for path in files if path.read_bytes()[:2] in (b"\x80\x04", b"\x80\x05")]


def test_before_the_first_training_there_is_no_champion(world: Settings, tmp_path: Path) -> None:
    fresh = world.model_copy(update={"folder": tmp_path})
    assert open_registry(fresh).champion() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["acme/eu", "acme:eu"])
def test_a_name_that_cannot_be_registered_is_refused_when_settings_are_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        make_settings(tmp_path, {"name": name})


def test_long_settings_do_not_break_a_run(copied: Settings) -> None:
    long = {"tables.events": "SELECT " + "x, " * 5000, "when": datetime(2024, 1, 1)}
    with open_registry(copied).start_run() as run_id:
        log_record(Record(long, {"a": "b"}, {"m": 1.0}, ()))
    assert len(MlflowClient(open_registry(copied).uri).get_run(run_id).data.params["tables.events"]) == 6000
