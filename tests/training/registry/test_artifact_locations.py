"""A project can be moved and copied: its MLflow database names no absolute path."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.trained_world import NOW
from undertow.features.errors import ModelRefusal, SettingsError
from undertow.features.settings import Settings, load_settings
from undertow.training.evaluation.report import TrainReport
from undertow.training.registry.artifact_locations import LOCATIONS, ROOT, store_artifacts
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import promote
from undertow.training.train import train

REPOSITORY = Path(__file__).parents[3]


def moved(project: Settings, to: Path) -> Settings:
    to.parent.mkdir(parents=True, exist_ok=True)
    project.folder.rename(to)
    return load_settings(to)


def version_of(project: Settings) -> str:
    champion = open_registry(project).champion()
    assert champion is not None
    return champion.bundle.version


def locations(project: Settings) -> set[str]:
    found: set[str] = set()
    with closing(sqlite3.connect(open_registry(project).database)) as database:
        for table, column in LOCATIONS:
            found |= {location for (location,) in database.execute(f"SELECT {column} FROM {table}")}
    return found


def files_naming(text: str, folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    return [str(path.relative_to(folder)) for path in files if text.encode() in path.read_bytes()]


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# --- stores of today -----------------------------------------------------------------------------


def test_no_file_of_the_store_names_the_project_folder(world: Settings) -> None:
    version_of(world)
    assert files_naming(str(world.folder), world.store_path()) == []


def test_a_run_does_not_name_the_script_that_started_it(copied: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(copied.folder / ".venv" / "bin" / "undertow")])
    with open_registry(copied).start_run():
        assert files_naming(str(copied.folder), copied.store_path()) == []


def test_no_location_is_absolute(world: Settings) -> None:
    assert {location.partition(ROOT)[0] for location in locations(world)} == {""}


def test_a_moved_project_has_its_champion(copied: Settings, report: TrainReport, tmp_path: Path) -> None:
    assert version_of(moved(copied, tmp_path / "else where" / "ümlaut & 'co'")) == report.version


def test_a_copy_trains_and_serves_its_own_model_and_leaves_the_original_alone(
    copied: Settings, report: TrainReport, tmp_path: Path
) -> None:
    shutil.copytree(copied.folder, tmp_path / "copy")
    copy, before = load_settings(tmp_path / "copy"), digests(copied.folder)
    second = train(copy, NOW)
    promote(open_registry(copy), str(second.number), "to try it", NOW)
    assert digests(copied.folder) == before
    assert copy.store_path("mlartifacts", second.run_id, "artifacts", "lift.png").exists()
    shutil.rmtree(copied.folder)
    assert open_registry(copy).champion_number() == second.number != report.number


def test_the_pyfunc_model_of_a_moved_project_loads(copied: Settings, tmp_path: Path) -> None:
    project = moved(copied, tmp_path / "moved")
    mlflow.set_tracking_uri(open_registry(project).uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{project.name}@champion")
    assert loaded.metadata.model_id


# --- stores of release 0.3.0 ---------------------------------------------------------------------


@pytest.fixture
def as_of_0_3_0(copied: Settings) -> Settings:
    """A project whose database holds absolute locations, as release 0.3.0 wrote them."""
    old = copied.store_path("mlartifacts").as_uri()
    with closing(sqlite3.connect(open_registry(copied).database)) as database, database:
        for table, column in LOCATIONS:
            database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (ROOT, old))
        there = str(copied.folder / "mlruns" / "0")
        database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (there,))
    assert all(str(copied.folder) in location for location in locations(copied))
    return copied


def test_an_old_store_is_moved_and_works(as_of_0_3_0: Settings, report: TrainReport, tmp_path: Path) -> None:
    old = as_of_0_3_0.folder
    project = moved(as_of_0_3_0, tmp_path / "moved")
    assert version_of(project) == report.version
    assert all(location.startswith(ROOT) for location in locations(project))
    assert str(old).encode() not in open_registry(project).database.read_bytes()


def test_a_copy_of_an_old_store_does_not_write_into_the_original(as_of_0_3_0: Settings, tmp_path: Path) -> None:
    shutil.copytree(as_of_0_3_0.folder, tmp_path / "copy")
    copy, before = load_settings(tmp_path / "copy"), digests(as_of_0_3_0.folder)
    second = train(copy, NOW)
    assert digests(as_of_0_3_0.folder) == before
    assert copy.store_path("mlartifacts", second.run_id, "artifacts", "lift.png").exists()


def test_files_that_an_old_copy_wrote_into_its_original_stay_readable(
    as_of_0_3_0: Settings, report: TrainReport, tmp_path: Path
) -> None:
    shutil.copytree(as_of_0_3_0.folder, tmp_path / "copy")
    copy = load_settings(tmp_path / "copy")
    shutil.rmtree(copy.store_path("mlartifacts"))
    assert version_of(copy) == report.version


def test_a_location_of_ones_own_stays(as_of_0_3_0: Settings, tmp_path: Path) -> None:
    MlflowClient(open_registry(as_of_0_3_0).uri).create_experiment("mine", "file:///elsewhere/mine")
    version_of(as_of_0_3_0)
    assert "file:///elsewhere/mine" in locations(as_of_0_3_0)


# --- the URI scheme ------------------------------------------------------------------------------


def test_a_location_is_found_beside_a_relative_database(world: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.folder)
    found = store_artifacts(ROOT, "sqlite:///store/mlflow.db")
    assert found.artifact_dir == str(world.store_path("mlartifacts"))


@pytest.mark.parametrize("uri", ["undertow-store:/../secrets", "undertow-store:/mlartifacts/../../secrets"])
def test_a_location_outside_the_store_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(MlflowException, match="leads out of the store"):
        store_artifacts(uri, f"sqlite:///{tmp_path}/store/mlflow.db")


def test_a_server_as_tracking_uri_is_refused_with_what_to_set() -> None:
    with pytest.raises(MlflowException, match=r"set the tracking URI to sqlite:///<store>/mlflow.db; got 'http://x'"):
        store_artifacts(ROOT, "http://x")


@pytest.fixture
def in_a_fresh_process(tmp_path: Path) -> Callable[..., str]:
    """Run Python with the project's entry points as they are installed; `mlflow` alone is imported."""
    entries = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    metadata = tmp_path / "path" / "undertow_entries-1.dist-info"
    metadata.mkdir(parents=True)
    lines = [f"[{group}]\n" + "\n".join(f"{n} = {t}" for n, t in names.items()) for group, names in entries.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: undertow-entries\nVersion: 1\n")

    def run(code: str, *arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(metadata.parent), "MLFLOW_DISABLE_TELEMETRY": "true"}
        command = [sys.executable, "-W", "error::UserWarning:mlflow", "-c", code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_mlflow_alone_finds_the_artifacts_by_the_entry_point(
    world: Settings, report: TrainReport, in_a_fresh_process: Callable[..., str]
) -> None:
    code = (
        "import sys; from mlflow import MlflowClient; "
        "print([file.path for file in MlflowClient(sys.argv[1]).list_artifacts(sys.argv[2])])"
    )
    said = in_a_fresh_process(code, open_registry(world).uri, report.run_id)
    assert "calibration.png" in said and "lift.png" in said


# --- refusals ------------------------------------------------------------------------------------


def test_a_champion_whose_files_are_gone_is_refused_with_what_to_do(copied: Settings) -> None:
    shutil.rmtree(copied.store_path("mlartifacts"))
    with pytest.raises(ModelRefusal, match=r"Files of the model are missing .* run `undertow train` again"):
        open_registry(copied).champion()


def test_a_folder_that_mlflow_cannot_open_is_refused_with_what_to_do(world: Settings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"holds '%' or '\?'; got .*a%20b/store. Rename the folder"):
        open_registry(world.model_copy(update={"folder": tmp_path / "a%20b"}))


def test_a_database_that_is_none_is_refused_with_what_to_do(copied: Settings) -> None:
    open_registry(copied).database.write_bytes(b"this is no database" * 100)
    with pytest.raises(ModelRefusal, match=r"mlflow.db: file is not a database.* run `undertow train` again"):
        open_registry(copied).champion()


def test_a_database_that_cannot_be_opened_is_refused_at_once(copied: Settings) -> None:
    open_registry(copied).database.unlink()
    open_registry(copied).database.mkdir()
    started = time.monotonic()
    with pytest.raises(ModelRefusal, match=r"mlflow.db cannot be written: unable to open database file\. Check"):
        open_registry(copied).champion()
    assert time.monotonic() - started < 20  # seconds; MLflow would try for 102
