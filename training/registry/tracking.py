"""The project's MLflow database: training runs, the registered model and its champion alias.

Everything is stored in one SQLite file and one folder of artifacts inside the project's store. The database is
created under a file lock: two processes that create it at the same time would corrupt MLflow's migrations.
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
    """A version of the registered model: its number, its run and its bundle."""

    number: int
    run_id: str
    bundle: Bundle


@dataclass(frozen=True)
class Record:
    """What one training run logs besides its model."""

    parameters: dict[str, object]
    tags: dict[str, str]
    metrics: dict[str, float]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Registry:
    """MLflow for one project. `name`: of the experiment and of the registered model. `store`: the store folder."""

    name: str
    store: Path

    @property
    def uri(self) -> str:
        """Return the address of the MLflow database."""
        return f"sqlite:///{self.store / 'mlflow.db'}"

    @contextmanager
    def start_run(self) -> Iterator[str]:
        """Open a run of the project's experiment and yield its id."""
        self._open()
        with mlflow.start_run() as run:
            yield str(run.info.run_id)

    def register(self, bundle: Bundle) -> int:
        """Log the bundle as a pyfunc model of the open run, register it, and return its version number."""
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
                    registered_model_name=self.name,
                )
        return int(logged.registered_model_version)

    def set_champion(self, number: int) -> None:
        """Move the champion alias to a version."""
        MlflowClient(self.uri).set_registered_model_alias(self.name, ALIAS, str(number))

    def champion(self) -> Registered | None:
        """Return the version with the champion alias, or None while there is none."""
        if not (self.store / "mlflow.db").exists():
            return None
        self._open()
        try:
            version = MlflowClient().get_model_version_by_alias(self.name, ALIAS)
        except MlflowException:
            return None
        folder = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{self.name}@{ALIAS}")
        return Registered(int(version.version), str(version.run_id), Bundle.load(_bundle_folder(Path(folder))))

    def spark_udf(self, version: Registered, session: Any) -> Any:
        """Return a registered model as a Spark function: struct of feature columns -> struct of p_<horizon>."""
        self._open()
        outputs = ", ".join(f"p_{horizon} double" for horizon in version.bundle.horizons)
        uri = f"models:/{self.name}/{version.number}"
        with _quiet():
            return mlflow.pyfunc.spark_udf(session, uri, result_type=f"struct<{outputs}>", env_manager="local")

    def _open(self) -> None:
        """Make MLflow use the project's database; create it under a lock if it does not exist."""
        self.store.mkdir(parents=True, exist_ok=True)
        with (self.store / ".mlflow.lock").open("w") as lock, _quiet():
            fcntl.flock(lock, fcntl.LOCK_EX)
            mlflow.set_tracking_uri(self.uri)
            if mlflow.get_experiment_by_name(self.name) is None:
                mlflow.create_experiment(self.name, artifact_location=(self.store / "mlartifacts").as_uri())
            mlflow.set_experiment(self.name)


def open_registry(settings: Settings) -> Registry:
    """Return the project's registry; nothing is created before the first run."""
    return Registry(settings.name, settings.store_path())


def log_record(record: Record) -> None:
    """Log parameters, tags, metrics and files into the open run, in few calls."""
    mlflow.log_params({name: str(value)[:6000] for name, value in record.parameters.items()})
    mlflow.set_tags(record.tags)
    mlflow.log_metrics(record.metrics)
    for file in record.files:
        mlflow.log_artifact(str(file))


def signature(bundle: Bundle) -> ModelSignature:
    """Return the MLflow signature of a bundle: numbers as doubles, texts as strings, all of them optional."""
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the log output of MLflow and its migrations; errors are still raised."""
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
