"""Features computed from rows written in a test, by both query plans, and the tiny world, loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache

import duckdb
import pyarrow as pa
import pytest

from tests.tables_by_hand import Row, as_arrow
from undertow.features.catalogue.cards import Column
from undertow.features.compiler.plan import compile_features
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ALL_TABLES

PLANS = ("range join", "slots")
Snapshots = dict[tuple[str, datetime], dict[str, object]]


compiled = cache(compile_features)  # compiling every column takes longer than most of the queries


@pytest.fixture(scope="session")
def compute_features() -> Iterator[Callable[..., Snapshots]]:
    """Return a function that computes columns for accounts at several as_ofs by one plan: (account, as_of) -> row.

    `tables`: their rows need only what matters; other columns take their contract's default or are null.
    """
    connection = duckdb.connect(config={"threads": 1})

    def compute(
        plan: str,
        columns: Sequence[Column],
        tables: Mapping[str, Sequence[Row]],
        as_ofs: Sequence[datetime],
        accounts: Sequence[str],
    ) -> Snapshots:
        for name in ALL_TABLES:
            connection.register(name, as_arrow(name, tables.get(name, ())))
        snapshots = [{"account_id": account, "as_of": as_of} for as_of in as_ofs for account in accounts]
        schema = pa.schema([("account_id", pa.string()), ("as_of", pa.timestamp("us"))])
        connection.register("snapshots", pa.Table.from_pylist(snapshots, schema=schema))
        planned = compiled(tuple(columns), len(set(as_ofs)) if plan == "slots" else None).plan(as_ofs)
        for name, small in planned.tables.items():
            connection.register(name, small)
        answer = connection.execute(planned.sql())  # half the time of connection.sql, which binds a query twice
        names = [column[0] for column in answer.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        assert len(rows) == len(snapshots)
        return {(str(row.pop("account_id")), row.pop("as_of")): row for row in rows}

    yield compute
    connection.close()


@pytest.fixture(scope="session", params=PLANS)
def features_of(
    request: pytest.FixtureRequest, compute_features: Callable[..., Snapshots]
) -> Callable[..., dict[str, dict[str, object]]]:
    """Return a function that computes columns for accounts at one as_of, by each plan: account -> row."""

    def compute(
        columns: Sequence[Column],
        tables: Mapping[str, Sequence[Row]],
        as_of: datetime,
        accounts: Sequence[str] = ("a",),
    ) -> dict[str, dict[str, object]]:
        found = compute_features(request.param, columns, tables, [as_of], accounts)
        return {account: row for (account, _), row in found.items()}

    return compute


@pytest.fixture
def tiny(project: Callable[..., Settings], tiny_world: dict[str, list[Row]]) -> tuple[Settings, Tables]:
    """The tiny world as a project and its loaded tables."""
    settings = project(tiny_world)
    return settings, load_tables(settings, datetime(2024, 6, 15, 12))
