"""Artifact locations relative to the store, so that a project can be moved, copied or mounted elsewhere.

MLflow writes an artifact location into its database for each experiment, run, logged model and model version. Ours
have a URI scheme of their own, `undertow-store:/mlartifacts/...`: a path inside the folder of the SQLite database that
is in use. MLflow finds the scheme by the entry point in pyproject.toml; `register_scheme` does the same where the
installed metadata are older than this file.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
SCHEME = "undertow-store"
ROOT = f"{SCHEME}:/{ARTIFACTS}"
# Table and column of each artifact location in MLflow's database.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
NEEDS_A_FILE = (
    "'{uri}' is a path inside the store of an Undertow project, which is found by the project's MLflow database: set "
    "the tracking URI to sqlite:///<store>/mlflow.db; got '{tracking_uri}'."
)


def store_artifacts(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """Return MLflow's repository of local files for an `undertow-store:` URI.

    `tracking_uri`: that of the project's SQLite database; the one in use, unless given. Raises MlflowException for
    another kind of database, or a path that leaves the store.
    """
    # Imported here: MLflow loads this function by its entry point while MLflow itself is being imported.
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

    tracking_uri = tracking_uri or mlflow.get_tracking_uri()
    if not tracking_uri.startswith("sqlite:"):
        raise MlflowException.invalid_parameter_value(NEEDS_A_FILE.format(uri=artifact_uri, tracking_uri=tracking_uri))
    store = Path(make_url(tracking_uri).database or "").resolve().parent
    folder = (store / urlsplit(artifact_uri).path.lstrip("/")).resolve()
    if not folder.is_relative_to(store):
        raise MlflowException.invalid_parameter_value(f"'{artifact_uri}' leads out of the store {store}.")
    return LocalArtifactRepository(folder.as_uri(), tracking_uri, registry_uri)


def register_scheme() -> None:
    """Register the scheme with MLflow in this process, where the entry point has not done so."""
    from mlflow.store.artifact.artifact_repository_registry import get_registered_artifact_repositories

    get_registered_artifact_repositories().setdefault(SCHEME, store_artifacts)


def make_relative(store: Path) -> None:
    """Rewrite absolute artifact locations in the store's MLflow database as paths inside the store, in one transaction.

    Releases up to 0.3.0 wrote absolute ones, and MLflow writes one for its default experiment. A location outside the
    experiments' own folders stays, as does one whose files lie there and not in this store: a copy of such a project
    wrote them into the original.
    """
    with closing(sqlite3.connect(store / DATABASE, timeout=60)) as connection:
        roots = _absolute_roots(connection)
        if not roots:
            return
        with connection:
            for table, column in LOCATIONS:
                for (location,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                    relative = _relative(location or "", roots)
                    if relative and (table == "experiments" or not _lies_elsewhere(location, relative, store)):
                        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (relative, location))
        connection.execute("VACUUM")  # the old texts go from the file too


def _absolute_roots(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the absolute locations of experiments that belong into the store -> their locations inside it."""
    roots = {}
    for number, location in connection.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall():
        if not (location or "").startswith(("file:", "/")):
            continue
        if number == 0:  # MLflow's default experiment, which it puts below the folder in which training was started
            roots[location] = f"{ROOT}/0"
        elif location.endswith(f"/{ARTIFACTS}"):
            roots[location] = ROOT
    return roots


def _relative(location: str, roots: dict[str, str]) -> str | None:
    for root, inside in roots.items():
        if location == root or location.startswith(f"{root}/"):
            return inside + location.removeprefix(root)
    return None


def _lies_elsewhere(location: str, relative: str, store: Path) -> bool:
    here = store / urlsplit(relative).path.lstrip("/")
    return not here.exists() and Path(unquote(urlsplit(location).path)).exists()
