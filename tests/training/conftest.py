"""What training is tried on: futures told by hand, examples made by hand, and one small world trained once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from undertow.features.build import FeatureTable
from undertow.features.catalogue.choose import Catalogue
from undertow.features.connectors import write_project
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.settings import (
    FILE_NAME,
    Engine,
    Settings,
    load_settings,
    make_settings,
)
from undertow.features.simulator import simulate
from undertow.features.snapshots import open_tables, take_population
from undertow.features.sources.loaded import TableReport, Tables
from undertow.features.tables import TABLES
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.outcomes import Outcomes, observe_outcomes
from undertow.training.examples.split import Examples
from undertow.training.registry import tracking
from undertow.training.train import train

NOW = datetime(2024, 7, 2, 4)
SMALL = "\n[training]\ntrees = 40\nseeds = 2\nbootstrap = 50\n"
ARROW_TYPES = {"text": pa.string(), "time": pa.timestamp("us"), "number": pa.float64(), "flag": pa.bool_()}
Row = Mapping[str, object]


@dataclass(frozen=True)
class Future:
    """What was seen of one account's future; `churn_days`, `neutral_days`: None where none was seen."""

    followed_days: float
    churn_days: float | None
    neutral_days: float | None
    cause: str
    gone: bool


@pytest.fixture(scope="session")
def futures(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Future]]:
    """Return a function from rows of subscriptions (and payments) to account -> Future.

    Where a row does not say it, MRR is 100 and everything was recorded when it happened.
    """

    def observe(
        subscriptions: Sequence[Row],
        as_of: datetime = datetime(2024, 3, 1),
        known_at: datetime = datetime(2024, 12, 1),
        payments: Sequence[Row] | None = None,
        **churn: object,
    ) -> dict[str, Future]:
        folder = tmp_path_factory.mktemp("futures")
        settings = make_settings(folder, {"churn": churn, "engine": {"threads": 1}})
        numbered = [{"subscription_id": str(n), "mrr": 100.0, **row} for n, row in enumerate(subscriptions)]
        tables = _tables(folder, {"subscriptions": numbered, **({} if payments is None else {"payments": payments})})
        features = _population(folder, tables, as_of)
        found = observe_outcomes(settings, tables, features, [as_of], known_at)
        return dict(zip(features.read()["account_id"].to_pylist(), _futures(found), strict=True))

    return observe


def _tables(folder: Path, given: Mapping[str, Sequence[Row]]) -> Tables:
    for name, rows in given.items():
        columns = TABLES[name].columns
        filled = [{c.name: row.get(c.default) for c in columns if c.default} | dict(row) for row in rows]
        schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in columns])
        pq.write_table(pa.Table.from_pylist(filled, schema=schema), folder / f"{name}.parquet")
    reports = tuple(TableReport(name, len(rows), len(rows), ()) for name, rows in given.items())
    first, last = datetime(2023, 1, 1), datetime(2025, 1, 1)
    return Tables(folder, "by hand", first, last, reports, findings=(), unused=(), unknown_kinds={})


def _population(folder: Path, tables: Tables, as_of: datetime) -> FeatureTable:
    features = FeatureTable(folder / "features", Catalogue((), {}), (as_of,))
    with open_duckdb(Engine(threads=1), folder / "spill") as connection:
        database = InDuckDB(connection)
        open_tables(database, tables)
        take_population(database, [as_of])
        database.write("FROM snapshots", folder / "features", "population")
    return features


def _futures(found: Outcomes) -> list[Future]:
    churn, neutral = (
        [None if np.isnan(days) else float(days) for days in one] for one in (found.churn_days, found.neutral_days)
    )
    followed, cause, gone = found.followed_days.tolist(), found.cause.tolist(), found.gone.tolist()
    return [Future(*one) for one in zip(followed, churn, neutral, cause, gone, strict=True)]


@pytest.fixture(scope="session")
def examples() -> Callable[..., Examples]:
    """Return a function that makes examples from churn days (nan: stayed) and columns by name."""

    def make(churn_days: Sequence[float], followed: float = 400.0, **columns: Sequence[object]) -> Examples:
        n = len(churn_days)
        days = np.asarray(churn_days, dtype=float)
        usual: dict[str, Sequence[object]] = {
            "account_id": [f"a{number:05d}" for number in range(n)],
            "as_of": [datetime(2024, 3, 1)] * n,
            "mrr": [100.0] * n,
            "tenure_days": [float(number % 97) for number in range(n)],
            "days_to_renewal": [20.0] * n,
            "term_months": [1.0] * n,
        }
        cause = np.where(np.isnan(days), "", "voluntary").astype(object)
        outcomes = Outcomes(np.full(n, followed), days, np.full(n, np.nan), cause, np.zeros(n, dtype=bool))
        return Examples(pa.table({**usual, **columns}), outcomes)

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, TrainReport]:
    """A simulated business of 300 accounts over 18 months, and a small model trained on it."""
    folder = tmp_path_factory.mktemp("world")
    simulate("tiny", folder / "data", seed=7)
    write_project("demo", folder / "data", folder)
    with (folder / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(SMALL)
    settings = load_settings(folder)
    return settings, train(settings, NOW)


@pytest.fixture(scope="session")
def world(trained: tuple[Settings, TrainReport]) -> Settings:
    """The settings of the trained world; to be read only."""
    return trained[0]


@pytest.fixture(scope="session")
def report(trained: tuple[Settings, TrainReport]) -> TrainReport:
    """What training the world reported."""
    return trained[1]


@pytest.fixture(scope="session")
def bundle(world: Settings) -> Bundle:
    """The champion of the trained world."""
    champion = tracking.champion(world)
    assert champion is not None
    return champion.bundle


@pytest.fixture(scope="session")
def rows(world: Settings, report: TrainReport) -> pa.Table:
    """The feature rows of every account of the trained world at the test as_of."""
    as_of = report.dates.test[0]
    [path] = world.store_path("features").glob(f"*/as_of={as_of:%Y-%m-%d}")
    return FeatureTable(path.parent, Catalogue((), {}), (as_of,)).read()


@pytest.fixture
def copied(world: Settings, tmp_path: Path) -> Settings:
    """A copy of the trained world that a test may change."""
    shutil.copytree(world.folder, tmp_path / "world")
    return load_settings(tmp_path / "world")
