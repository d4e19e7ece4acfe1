"""Snapshots: the as_ofs at which features are computed, and the accounts at risk at each of them.

Windows are half-open, `[as_of - days, as_of)`, and always UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.activity import Activity
from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.arrow_columns import arrow_column
from undertow.features.engines.database import Database
from undertow.features.errors import TimeError
from undertow.features.settings import Snapshots, midnight
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ACCOUNTS, ALL_TABLES


def month_starts(first: datetime, until: datetime) -> list[datetime]:
    """Return every first-of-month midnight in `[first, until]`.

    >>> len(month_starts(datetime(2024, 1, 15), datetime(2024, 6, 1)))
    5
    """
    month = datetime(first.year, first.month, 1)
    starts = []
    while month <= until:
        if month >= first:
            starts.append(month)
        month = datetime(month.year + month.month // 12, month.month % 12 + 1, 1)
    return starts


def require_midnight(as_of: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError unless it is a midnight without a time zone."""
    if as_of.tzinfo is not None:
        raise TimeError(f"as_of {as_of} has a time zone; give it in UTC without one.")
    if (as_of.hour, as_of.minute, as_of.second, as_of.microsecond) != (0, 0, 0, 0):
        raise TimeError(f"as_of {as_of} has a time of day; snapshots are taken at midnight UTC. Give a day.")
    return as_of


def require_known(as_of: datetime, until: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError where it lies after the end of the recorded rows."""
    if as_of > until:
        raise TimeError(
            f"as_of {as_of:%Y-%m-%d} lies after the rows end ({until:%Y-%m-%d}). "
            "Choose an earlier day, or add newer data."
        )
    return as_of


LONGEST_WINDOW = 90  # days


def calendar(snapshots: Snapshots, tables: Tables) -> list[datetime]:
    """Return the as_ofs of all snapshots: the dates in the settings, or every month start in the recorded period.

    The first month start lies at least 90 days after the period begins, so that every window is full. Raises
    TimeError where the period is too short for one.
    """
    if snapshots.dates:
        days = {*snapshots.dates, *snapshots.test}
        return [midnight(day) for day in sorted(days)]
    as_ofs = month_starts(tables.since + timedelta(days=LONGEST_WINDOW), tables.until)
    as_ofs = sorted({*as_ofs, *(midnight(day) for day in snapshots.test)})
    if not as_ofs:
        raise TimeError(
            f"The rows run from {tables.since:%Y-%m-%d} to {tables.until:%Y-%m-%d}: too short for a month start "
            f"with {LONGEST_WINDOW} days before it. Add older rows, set [data] since, or name [snapshots] dates."
        )
    return as_ofs


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


def own_profile(tables: Tables) -> list[tuple[str, bool]]:
    """Return (column, is it a number) for each column of accounts that is not in the data contract."""
    schema = pq.read_schema(tables.path("accounts"))
    return [
        (column.name, pa.types.is_floating(column.type))
        for column in schema
        if ACCOUNTS.column(column.name) is None
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
