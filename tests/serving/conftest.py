"""A tiny published store: six accounts that fit in the head, and a model small enough to train here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette

from tests.serving.client import Client
from tests.serving.published_by_hand import PEOPLE, People, write_by_hand
from tests.training.bundle.by_hand import bundle_by_hand
from undertow.features.publishing.versions import publish
from undertow.serving.api.app import make_app
from undertow.serving.published.reader import ScoresReader
from undertow.training.bundle.bundle import Bundle

Row = dict[str, Any]


@pytest.fixture(scope="session")
def people() -> People:
    """The tiny accounts: id, name, owner, segment, errors, tickets, failed payments, active days, MRR."""
    return PEOPLE


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle trained by hand."""
    return bundle_by_hand()


@pytest.fixture(scope="session")
def publish_scores(bundle: Bundle) -> Callable[..., Path]:
    """Publish the tiny accounts, or `people`, into a store folder under a run id."""

    def publish_into(store: Path, run_id: str = "run-1", people: People = PEOPLE) -> Path:
        return publish(store / "scores", run_id, lambda folder: write_by_hand(folder, run_id, bundle, people))

    return publish_into


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, publish_scores: Callable[..., Path]) -> Path:
    """A store with the tiny accounts published."""
    folder = tmp_path_factory.mktemp("store")
    publish_scores(folder)
    return folder


@pytest.fixture(scope="session")
def make_client() -> Callable[[Starlette], Client]:
    """Return what makes a client of an app."""
    return Client


@pytest.fixture(scope="session")
def client(store: Path) -> Client:
    """A client of the app over the tiny store."""
    return Client(make_app(store))


@pytest.fixture(scope="session")
def published_features() -> Callable[[Path, str], Row]:
    """Return a function that gives the features from which an account of a published run was scored."""

    def features_of(run: Path, account_id: str) -> Row:
        rows = pq.read_table(run / "features.parquet").drop_columns(["as_of"]).to_pylist()
        return next(row for row in rows if row["account_id"] == account_id)

    return features_of


@pytest.fixture
def feature_row(store: Path, published_features: Callable[[Path, str], dict[str, Any]]) -> dict[str, Any]:
    """The features of A-00042 as plain JSON."""
    return published_features(ScoresReader(store).latest().folder, "A-00042")


@pytest.fixture
def schema(postgres: str) -> str:
    """The address of an empty schema on the server of the tests."""
    import psycopg

    with psycopg.connect(postgres) as connection:
        connection.execute("DROP SCHEMA IF EXISTS team CASCADE; CREATE SCHEMA team")
    return f"{postgres}?options=-csearch_path%3Dteam"
