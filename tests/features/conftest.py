"""The same rows through both plans: what the slot plan says must be what the range join says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from undertow.features.catalogue.cards import Column
from undertow.features.compiler.plan import Plan, plan_features
from undertow.features.tables import TABLES

PLANS = ("slots", "range join")
ARROW_TYPES = {"text": pa.string(), "time": pa.timestamp("us"), "number": pa.float64(), "flag": pa.bool_()}
Rows = Sequence[Mapping[str, object]]
Snapshots = dict[tuple[str, datetime], dict[str, object]]


@pytest.fixture(scope="session")
def by_both_plans() -> Iterator[Callable[..., dict[str, Snapshots]]]:
    """Return a function that computes columns for accounts at several as_ofs: plan -> (account, as_of) -> row.

    `tables`: rows with every default filled in; a column that is left out is null.
    """
    connection = duckdb.connect(config={"threads": 1})
    compiled: dict[tuple[str, tuple[Column, ...], tuple[datetime, ...]], tuple[Plan, str]] = {}

    def compiled_for(plan: str, columns: tuple[Column, ...], as_ofs: tuple[datetime, ...]) -> tuple[Plan, str]:
        key = (plan, columns, as_ofs if plan == "slots" else ())
        if key not in compiled:
            found = plan_features(columns, as_ofs if plan == "slots" else None)
            compiled[key] = (found, found.sql())
        return compiled[key]

    def compute(
        columns: Sequence[Column],
        tables: Mapping[str, Rows],
        as_ofs: Sequence[datetime],
        accounts: Sequence[str],
        plans: Sequence[str] = PLANS,
    ) -> dict[str, Snapshots]:
        for name, table in TABLES.items():
            schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])
            connection.register(name, pa.Table.from_pylist(list(tables.get(name, ())), schema=schema))
        looks = [{"account_id": account, "as_of": as_of} for as_of in as_ofs for account in accounts]
        schema = pa.schema([("account_id", pa.string()), ("as_of", pa.timestamp("us"))])
        connection.register("snapshots", pa.Table.from_pylist(looks, schema=schema))
        answers = {}
        for plan in plans:
            found, sql = compiled_for(plan, tuple(columns), tuple(as_ofs))
            for name, small in found.tables.items():
                connection.register(name, small)
            answer = connection.execute(sql)  # half the time of connection.sql, which binds a query twice
            names = [column[0] for column in answer.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
            assert len(rows) == len(looks)
            answers[plan] = {(str(row.pop("account_id")), row.pop("as_of")): row for row in rows}
        return answers

    yield compute
    connection.close()
