"""What training is tried on: futures told by hand, examples made by hand, and one small world trained once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.tables_by_hand import Row, write_tables
from undertow.features.build.feature_table import FeatureTable
from undertow.features.catalogue.choose import Catalogue
from undertow.features.engines.database import open_database
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.settings import Engine, Settings, make_settings
from undertow.features.snapshots.population import open_tables, take_population
from undertow.features.sources.loaded import Tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.outcomes import Outcomes, observe_outcomes
from undertow.training.examples.split import Examples
from undertow.training.registry.tracking import open_registry


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
        given = {"subscriptions": numbered, **({} if payments is None else {"payments": payments})}
        tables = write_tables(folder, given, datetime(2023, 1, 1), datetime(2025, 1, 1))
        features = _population(folder, tables, as_of)
        with open_database(settings) as database:
            found = observe_outcomes(database, settings.churn, tables, features, [as_of], known_at)
        return dict(zip(features.read()["account_id"].to_pylist(), _futures(found), strict=True))

    return observe


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
def report(trained: tuple[Settings, TrainReport]) -> TrainReport:
    """What training the world reported."""
    return trained[1]


@pytest.fixture(scope="session")
def bundle(world: Settings) -> Bundle:
    """The model of the trained world that its report judges: it learned nothing of the held-out test."""
    champion = open_registry(world).champion()
    assert champion is not None
    return champion.judged


@pytest.fixture(scope="session")
def rows(world: Settings, report: TrainReport) -> pa.Table:
    """The feature rows of every account of the trained world at the test as_of."""
    as_of = report.dates.test[0]
    [path] = world.store_path("features").glob(f"*/as_of={as_of:%Y-%m-%d}")
    return FeatureTable(path.parent, Catalogue((), {}), (as_of,)).read()
