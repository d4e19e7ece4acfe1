"""Rows of the canonical tables written in a test, as Arrow tables or as loaded tables, with the contract's defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import md5
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from undertow.features.sources.loaded import TableReport, Tables
from undertow.features.tables import ACCOUNT_KEY, ALL_TABLES, DERIVED, HAPPENED_DAY, KNOWN_DAY, TABLES, Table

ARROW_TYPES = {"text": pa.string(), "time": pa.timestamp("us"), "number": pa.float64(), "flag": pa.bool_()}
Row = Mapping[str, object]


def as_arrow(name: str, rows: Sequence[Row]) -> pa.Table:
    """Return rows as the canonical table of that name; a column that a row leaves out takes its default or is null."""
    table = ALL_TABLES[name]
    schema = pa.schema([(column.name, ARROW_TYPES[column.type]) for column in table.columns])
    written = pa.Table.from_pylist([with_defaults(table, row) for row in rows], schema=schema)
    return _with_derived(table, written) if table.is_long else written


def _with_derived(table: Table, rows: pa.Table) -> pa.Table:
    """Add what loading derives: the key of the account, and the days on which rows happened and begin to count."""
    happened, recorded = rows[table.happened_at], rows["recorded_at"]
    later = pc.if_else(pc.greater(recorded, happened), recorded, happened)
    accounts = [account or "" for account in rows["account_id"].to_pylist()]
    keys = [int(md5(account.encode()).hexdigest()[:15], 16) for account in accounts]
    rows = rows.append_column(ACCOUNT_KEY, pa.array(keys, pa.int64()))
    rows = rows.append_column(HAPPENED_DAY, pc.cast(pc.floor_temporal(happened, unit="day"), pa.date32()))
    return rows.append_column(KNOWN_DAY, pc.cast(pc.floor_temporal(later, unit="day"), pa.date32()))


def with_defaults(table: Table, row: Row) -> dict[str, object]:
    """Return every column of a row; where one is null or left out, its default stands in."""
    return {column.name: _value(table, column.name, row) for column in table.columns}


def _value(table: Table, name: str, row: Row) -> object:
    """Return a column's value: its own, or that of the column that is its default."""
    column = table.column(name)
    if row.get(name) is None and column is not None and column.default is not None:
        return _value(table, column.default, row)
    return row.get(name)


def write_tables(folder: Path, given: Mapping[str, Sequence[Row]], since: datetime, until: datetime) -> Tables:
    """Write rows as the Parquet files that loading writes, and return them as loaded tables."""
    for name, rows in given.items():
        pq.write_table(as_arrow(name, rows), folder / f"{name}.parquet")
    reports = tuple(TableReport(name, len(rows), len(rows), ()) for name, rows in given.items() if name in TABLES)
    derived = [name for name in given if name in DERIVED]
    return Tables(folder, "by hand", since, until, reports, derived=tuple(derived))
