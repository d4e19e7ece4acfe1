"""The project's MLflow database: training runs, the registered model and its champion alias.

Everything is stored in one SQLite file and one folder of artifacts inside the project's store, with no absolute path,
so that the project can be moved and copied. The database is created under a file lock, as a hidden file that is renamed
when its migrations have ended: two processes that create it at the same time would corrupt them, and a killed one would
leave them half done. Versions and the champion are changed under the same lock.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from lightgbm.basic import LightGBMError
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from sqlalchemy.exc import SQLAlchemyError

from undertow.features.errors import ModelRefusal, SettingsError
from undertow.features.settings import Settings
from undertow.training.bundle.bundle import FILE, Bundle
from undertow.training.registry.artifact_locations import ARTIFACTS, DATABASE, ROOT, make_relative, register_scheme
from undertow.training.registry.database_server import server_lock, without_password

ALIAS = "champion"
UNFINISHED = f".{DATABASE}.new"
PYFUNC = "pyfunc_model.py"
SERVED, JUDGED = "bundle", "judged"  # folders of a logged model
TRAIN_AGAIN = "Bring them back, or run `undertow train` again."
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # what MLflow answers for an unknown alias
REQUIREMENTS = ["lightgbm", "numpy", "pandas", "pyarrow", "pydantic"]


@dataclass(frozen=True)
class Registered:
    """A version of the registered model: its number, its run, and its bundle, which is served.

    `judged`: the bundle that the results of the version are of, with which later ones are compared. It saw nothing of
    the held-out test; the same as `bundle` where that was not fitted again since.
    """

    number: int
    run_id: str
    bundle: Bundle
    judged: Bundle


@dataclass(frozen=True)
class Record:
    """What one training run logs besides its model."""

    parameters: dict[str, object]
    tags: dict[str, str]
    metrics: dict[str, float]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Registry:
    """MLflow for one project. `name`: of the experiment and of the registered model. `store`: the store folder.

    `server`: the address of a PostgreSQL database, used instead of the SQLite file in the store. `artifacts`: the URI
    below which the files of runs are kept; empty: in the store.
    """

    name: str
    store: Path
    server: str = ""
    artifacts: str = ""

    @property
    def database(self) -> Path:
        """Return the path of the MLflow database."""
        return self.store / DATABASE

    @property
    def uri(self) -> str:
        """Return the address of the MLflow database."""
        return self.server or f"sqlite:///{self.database}"

    def exists(self) -> bool:
        """Return whether there is a database; a server is taken to have one."""
        return bool(self.server) or self.database.exists()

    @contextmanager
    def start_run(self) -> Iterator[str]:
        """Open a run of the project's experiment and yield its id."""
        with self._refusing():
            self._open()
            with _quiet():
                run = mlflow.start_run(tags={"mlflow.source.name": "undertow"})  # else the path of the script
            status = "FAILED"
            try:
                yield str(run.info.run_id)
                status = "FINISHED"
            finally:
                with _quiet():
                    mlflow.end_run(status)

    def log_model(self, bundle: Bundle, judged: Bundle) -> str:
        """Log the bundle as a pyfunc model of the open run and return its address; it is no version yet.

        `judged`: as in `Registered`.
        """
        with tempfile.TemporaryDirectory() as folder, self._refusing():
            kept = {SERVED: bundle} | ({JUDGED: judged} if judged.version != bundle.version else {})
            for name, each in kept.items():
                each.save(Path(folder) / name)
            code = _copy_of_the_code(Path(folder))
            with _quiet():
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(code / "training" / "registry" / PYFUNC),
                    artifacts={name: str(Path(folder) / name) for name in kept},
                    signature=signature(bundle),
                    code_paths=[str(code)],
                    pip_requirements=REQUIREMENTS,
                )
        return str(logged.model_uri)

    def champion_number(self) -> int | None:
        """Return the number of the version with the champion alias, or None while there is none."""
        if not self.exists():
            return None
        with self.opened() as client:
            return self.number_of(client, ALIAS)

    def number_of(self, client: MlflowClient, alias: str) -> int | None:
        """Return the number of the version with an alias, or None where no version has it."""
        try:
            return int(client.get_model_version_by_alias(self.name, alias).version)
        except MlflowException as error:
            if error.error_code in NOT_THERE:
                return None
            raise

    def champion(self) -> Registered | None:
        """Return the version with the champion alias, or None while there is none.

        Raises ModelRefusal where its files are missing.
        """
        number = self.champion_number()
        if number is None:
            return None
        with self.opened() as client:
            return self.load(client, number)

    def load(self, client: MlflowClient, number: int) -> Registered:
        """Return a version with its bundle, which is read from its files.

        Raises ModelRefusal where they are missing, cannot be read or are of another format.
        """
        with self._refusing():
            version = client.get_model_version(self.name, str(number))
            uri = f"models:/{self.name}/{number}"
            with tempfile.TemporaryDirectory() as copy:  # used only where the files lie elsewhere
                to = copy if self.artifacts else None
                folder = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=to, tracking_uri=self.uri)
                return Registered(number, str(version.run_id), *_read_bundles(Path(folder)))

    def spark_udf(self, version: Registered, session: Any) -> Any:
        """Return a registered model as a Spark function: struct of feature columns -> struct of p_<horizon>."""
        outputs = ", ".join(f"p_{horizon} double" for horizon in version.bundle.horizons)
        uri = f"models:/{self.name}/{version.number}"
        with self.opened():
            return mlflow.pyfunc.spark_udf(session, uri, result_type=f"struct<{outputs}>", env_manager="local")

    @contextmanager
    def opened(self) -> Iterator[MlflowClient]:
        """Yield MLflow's client of the project's database, which is created if it does not exist.

        Errors of MLflow become ModelRefusal; its log output is suppressed.
        """
        with self._refusing():
            self._open()
            with _quiet():
                yield MlflowClient(self.uri)

    @contextmanager
    def locked(self) -> Iterator[MlflowClient]:
        """Yield MLflow's client while no other process can open the database: for a change that depends on its state.

        Nothing that opens the database may be called inside.
        """
        with self._refusing(), self._lock(), _quiet():
            self._use_database()
            yield MlflowClient(self.uri)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the lock of the server, or the file lock of the store; both end where the process is killed."""
        if self.server:
            with server_lock(self.server):
                yield
            return
        self.store.mkdir(parents=True, exist_ok=True)
        with (self.store / ".mlflow.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open(self) -> None:
        """Make MLflow use the project's database; create it under a lock if it does not exist."""
        with self._lock(), _quiet():
            self._use_database()

    def _use_database(self) -> None:
        """Do what `_open` does, for a caller that holds the lock."""
        if not self.server:
            if not self.database.exists() or (self.database.is_file() and not self.database.stat().st_size):
                self._create_database()
            _try_to_write(self.database)
        register_scheme()
        mlflow.set_tracking_uri(self.uri)
        experiment = mlflow.get_experiment_by_name(self.name)
        if experiment is None:
            mlflow.create_experiment(self.name, artifact_location=self.artifacts or ROOT)
        elif self.artifacts and experiment.artifact_location.rstrip("/") != self.artifacts:
            raise SettingsError(
                f"[mlflow] artifacts is {self.artifacts}, and the files of '{self.name}' are kept in "
                f"{experiment.artifact_location}, which MLflow cannot change. Set it back, or choose another `name`."
            )
        if not self.server:
            make_relative(self.store)
        mlflow.set_experiment(self.name)

    def _create_database(self) -> None:
        """Create the database as a hidden file and rename it when it is complete; an unfinished one is removed first.

        The caller holds the lock.
        """
        # Imported here: it takes a second, and warns of SQLAlchemy's deprecations.
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        for leftover in self.store.glob(f"{UNFINISHED}*"):
            leftover.unlink()
        unfinished = self.store / UNFINISHED
        _try_to_write(unfinished)
        SqlAlchemyStore(f"sqlite:///{unfinished}", ROOT).engine.dispose()
        unfinished.rename(self.database)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn an error of MLflow or of its database into a ModelRefusal whose message names the remedy."""
        try:
            yield
        except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
            said = _of_server(error, self.server) if self.server else _in_words(error, self.database)
            raise ModelRefusal(said) from error


def open_registry(settings: Settings) -> Registry:
    """Return the project's registry; nothing is created before the first run.

    Raises SettingsError for a store whose path MLflow cannot open.
    """
    store, server, artifacts = settings.store_path(), settings.mlflow.uri, settings.mlflow.artifacts
    if artifacts and "://" not in artifacts:
        artifacts = (settings.folder / artifacts).resolve().as_uri()
    elif server and not artifacts:
        artifacts = (store / ARTIFACTS).resolve().as_uri()
    if not server and {"%", "?"} & set(str(store)):
        raise SettingsError(
            f"MLflow cannot open a database whose path holds '%' or '?'; got {store}. Rename the folder, or set "
            "`store` in undertow.toml to another one."
        )
    return Registry(settings.name, store, server, artifacts.rstrip("/"))


def log_record(record: Record) -> None:
    """Log parameters, tags, metrics and files into the open run, in few calls."""
    with _quiet():
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


def _read_bundles(model: Path) -> tuple[Bundle, Bundle]:
    """Return the served and the judged bundle of a logged model."""
    found = {path.parent.name: path.parent for path in sorted(model.rglob(FILE))}
    if SERVED not in found:
        raise ModelRefusal(f"No {SERVED}/{FILE} in {model}: files of the model are missing. {TRAIN_AGAIN}")
    served = _read_bundle(found[SERVED])
    return served, _read_bundle(found[JUDGED]) if JUDGED in found else served


def _read_bundle(folder: Path) -> Bundle:
    try:
        return Bundle.load(folder)
    except (OSError, ValueError, KeyError, TypeError, LightGBMError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelRefusal(f"The model in {folder} cannot be read: {said}. {TRAIN_AGAIN}") from error


def _try_to_write(database: Path) -> None:
    """Begin to write and roll back: MLflow would retry for a minute and a half before it gives up."""
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _of_server(error: Exception, server: str) -> str:
    """Return what to do about an error of MLflow or of its database server; of their text, only the first line."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    if "OperationalError" in said:
        return f"{without_password(server)} cannot be reached: {said}. Check [mlflow] uri and that the server runs."
    return f"MLflow refuses {without_password(server)}: {said}. Correct that and run the command again."


def _in_words(error: Exception, database: Path) -> str:
    """Return what to do about an error of MLflow or of its database; of their text, only the first line is kept."""
    said = (str(_cause_in_sqlite(error)).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    if "No such artifact" in said or "No such file" in said:
        return f"Files of the model are missing beside {database}: {said}. {TRAIN_AGAIN}"
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return f"{database} cannot be written: {said}. Check its owner, its disk, and that it is a file."
    if "is full" in said:
        return f"{database} cannot be written: {said}. Free disk space and run the command again."
    if "locked" in said:
        return f"{database} is used by another process: {said}. Wait until it has ended and run the command again."
    if "schema" in said:
        return f"{database} is of another version of MLflow: {said}. Run `mlflow db upgrade sqlite:///{database}`."
    return f"MLflow refuses {database}: {said}. Correct that, or move the file away and run `undertow train` again."


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


def _cause_in_sqlite(error: Exception) -> BaseException:
    """Return SQLite's own error behind one of MLflow or SQLAlchemy; `error` itself where there is none."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, sqlite3.Error):
        cause = cause.__cause__
    return error if cause is None else cause
