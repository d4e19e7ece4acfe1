"""The population of snapshots: the accounts at risk at each as_of, and the tables opened for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.arrow_columns import arrow_column
from undertow.features.engines.database import Database
from undertow.features.snapshots.activity import Activity
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ACCOUNTS, ALL_TABLES


def open_tables(
    database: Database,
    tables: Tables,
    since: dict[str, datetime | None] | None = None,
    until: datetime | None = None,
    of_accounts: str = "true",
) -> None:
    """Open every loaded table in the database under its name, whole or only the months that hold `[since, until)`.

    `since`: table -> the first time needed, or None for all rows. `of_accounts`: SQL condition on account_id, of the
    tables that have it.
    """
    for name in tables.present:
        where = of_accounts if ALL_TABLES[name].column("account_id") else "true"
        database.open_table(name, tables.files(name, (since or {}).get(name), until), where)


def own_profile(tables: Tables, carried: Sequence[str] = ()) -> list[tuple[str, bool]]:
    """Return (column, is it a number) for each column of accounts that is neither in the data contract nor carried."""
    schema = pq.read_schema(tables.path("accounts"))
    return [
        (column.name, pa.types.is_floating(column.type))
        for column in schema
        if ACCOUNTS.column(column.name) is None and column.name.lower() not in carried
    ]


def take_population(
    database: Database, as_ofs: Sequence[datetime], activity: Activity | None = None
) -> None:
    """Create the table `population`: the accounts at risk at each as_of, as known then.

    At risk are those with MRR above 0; with `activity`, those lately active. It
    includes accounts that have since churned or been deleted from today's list (no survivorship bias). The view
    `snapshots` holds the same rows.
    """
    moments = arrow_column(np.array(as_ofs, "datetime64[us]"))
    database.register("as_ofs", pa.Table.from_arrays([moments], names=["as_of"]))
    if activity is not None:
        activity.make_days(database)
    at_risk = _paying(database) if activity is None else activity.customers
    database.create_table("population", at_risk, "population")
    database.create_view("snapshots", "SELECT * FROM population", "population")


def _paying(database: Database) -> str:
    known = known_rows("subscriptions", ("account_id", "mrr", "ended_at"), "as_ofs", database.dialect)
    return (
        f"SELECT DISTINCT account_id, as_of FROM ({known}) AS known "
        "WHERE mrr > 0 AND NOT coalesce(ended_at < as_of, false)"
    )
