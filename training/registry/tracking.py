"""The one door to MLflow: runs, the registered model, and its champion.

Everything lies in one SQLite file and one folder of artifacts inside the store. The first use
creates the database under a lock: two processes on a fresh one would corrupt its migrations.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle

ALIAS = "champion"
PYFUNC = Path(__file__).with_name("pyfunc_model.py")
REQUIREMENTS = ["lightgbm", "numpy", "pandas", "pyarrow", "pydantic"]


@dataclass(frozen=True)
class Registered:
    """A version of the registered model: its number, its run and its bundle on disk."""

    number: int
    run_id: str
    bundle: Bundle


@dataclass(frozen=True)
class Record:
    """What one training run leaves behind."""

    parameters: dict[str, object]
    tags: dict[str, str]
    metrics: dict[str, float]
    files: tuple[Path, ...]


def tracking_uri(settings: Settings) -> str:
    """Return the address of the project's MLflow database."""
    return f"sqlite:///{settings.store_path('mlflow.db')}"


@contextmanager
def start_run(settings: Settings) -> Iterator[str]:
    """Open a run of the project's experiment and yield its id."""
    _open(settings)
    with mlflow.start_run() as run:
        yield str(run.info.run_id)


def log_record(record: Record) -> None:
    """Log parameters, tags, metrics and files into the open run, in few calls."""
    mlflow.log_params({name: str(value)[:6000] for name, value in record.parameters.items()})
    mlflow.set_tags(record.tags)
    mlflow.log_metrics(record.metrics)
    for file in record.files:
        mlflow.log_artifact(str(file))


def register(settings: Settings, bundle: Bundle) -> int:
    """Log the bundle as a pyfunc model of the open run, register it, and return its number."""
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(Path(folder) / "bundle")
        code = _copy_of_the_code(Path(folder))
        with _quiet():
            logged = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(PYFUNC),
                artifacts={"bundle": str(Path(folder) / "bundle")},
                signature=signature(bundle),
                code_paths=[str(code)],
                pip_requirements=REQUIREMENTS,
                registered_model_name=settings.name,
            )
    return int(logged.registered_model_version)


def set_champion(settings: Settings, number: int) -> None:
    """Give the champion's alias to a version."""
    MlflowClient(tracking_uri(settings)).set_registered_model_alias(settings.name, ALIAS, str(number))


def spark_udf(settings: Settings, version: Registered, session: Any) -> Any:
    """Return the registered model as a function of Spark: struct of feature columns -> struct of p_<horizon>."""
    _open(settings)
    outputs = ", ".join(f"p_{horizon} double" for horizon in version.bundle.horizons)
    with _quiet():
        return mlflow.pyfunc.spark_udf(
            session, f"models:/{settings.name}/{version.number}", result_type=f"struct<{outputs}>", env_manager="local"
        )


def champion(settings: Settings) -> Registered | None:
    """Return the version that carries the champion's alias, or None before there is one."""
    if not settings.store_path("mlflow.db").exists():
        return None
    _open(settings)
    try:
        version = MlflowClient().get_model_version_by_alias(settings.name, ALIAS)
    except MlflowException:
        return None
    folder = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{settings.name}@{ALIAS}")
    return Registered(int(version.version), str(version.run_id), Bundle.load(_bundle_folder(Path(folder))))


def signature(bundle: Bundle) -> ModelSignature:
    """Return the model's signature: numbers as doubles, texts as strings, all of them optional."""
    inputs = [ColSpec(DataType.datetime, "as_of")]
    inputs += [
        ColSpec(DataType.string if column.is_text else DataType.double, column.name, required=False)
        for column in bundle.columns
    ]
    outputs = [ColSpec(DataType.double, f"p_{horizon}") for horizon in bundle.horizons]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _copy_of_the_code(folder: Path) -> Path:
    """Copy features and training to `folder`/undertow, so that a logged model runs where Undertow is not installed."""
    root = Path(__file__).parents[2]
    for name in ("features", "training"):
        shutil.copytree(root / name, folder / "undertow" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "undertow"


def _bundle_folder(model: Path) -> Path:
    return next(path.parent for path in sorted(model.rglob("bundle.json")))


def _open(settings: Settings) -> None:
    """Point MLflow at the project's database, made once under a lock."""
    store = settings.store_path()
    store.mkdir(parents=True, exist_ok=True)
    with (store / ".mlflow.lock").open("w") as lock, _quiet():
        fcntl.flock(lock, fcntl.LOCK_EX)
        mlflow.set_tracking_uri(tracking_uri(settings))
        if mlflow.get_experiment_by_name(settings.name) is None:
            artifacts = settings.store_path("mlartifacts").as_uri()
            mlflow.create_experiment(settings.name, artifact_location=artifacts)
        mlflow.set_experiment(settings.name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the migrations' and the registry's chatter off the screen; errors are still raised."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
