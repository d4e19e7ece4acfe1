"""Moments and calendars. Windows are half-open, `[as_of - days, as_of)`, and always UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.engines.database import Database
from undertow.features.errors import TimeError
from undertow.features.settings import Settings, midnight
from undertow.features.sources.loaded import Tables
from undertow.features.tables import ACCOUNTS


def month_starts(first: datetime, until: datetime) -> list[datetime]:
    """Return every first-of-month midnight in `[first, until]`."""
    moment = datetime(first.year, first.month, 1)
    found = []
    while moment <= until:
        if moment >= first:
            found.append(moment)
        moment = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1)
    return found


def require_midnight(as_of: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError unless it is a midnight without a zone."""
    if as_of.tzinfo is not None:
        raise TimeError(f"as_of {as_of} carries a time zone; write it in UTC without one")
    if (as_of.hour, as_of.minute, as_of.second, as_of.microsecond) != (0, 0, 0, 0):
        raise TimeError(f"as_of {as_of} has a time of day; snapshots are taken at midnight UTC")
    return as_of


def require_known(as_of: datetime, until: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError where it lies after the recorded rows end."""
    if as_of > until:
        raise TimeError(
            f"as_of {as_of:%Y-%m-%d} lies after the rows end ({until:%Y-%m-%d}): nothing is known "
            "there yet. Choose an earlier day, or add newer data."
        )
    return as_of


LONGEST_WINDOW = 90  # days


def calendar(settings: Settings, tables: Tables) -> list[datetime]:
    """Return the as_ofs at which we look: those in the settings, or every month start in the record.

    The first lies 90 days into the record, so that every window is full. Raises TimeError where
    the record is too short for one.
    """
    if settings.snapshots.dates:
        chosen = {*settings.snapshots.dates, *settings.snapshots.test}
        return [midnight(day) for day in sorted(chosen)]
    found = month_starts(tables.since + timedelta(days=LONGEST_WINDOW), tables.until)
    found = sorted({*found, *(midnight(day) for day in settings.snapshots.test)})
    if not found:
        raise TimeError(
            f"The record runs from {tables.since:%Y-%m-%d} to {tables.until:%Y-%m-%d}: too short for a month start "
            f"with {LONGEST_WINDOW} days before it. Add older rows, set [data] since, or name [snapshots] dates."
        )
    return found


def open_tables(
    database: Database,
    tables: Tables,
    since: dict[str, datetime | None] | None = None,
    until: datetime | None = None,
) -> None:
    """Open every canonical table by its name, whole or only the months that hold `[since, until)`."""
    for name in tables.present:
        database.open_table(name, tables.files(name, (since or {}).get(name), until))


def own_profile(tables: Tables) -> list[tuple[str, bool]]:
    """Return (column, is it a number) of the accounts' columns beyond the contract."""
    schema = pq.read_schema(tables.path("accounts"))
    return [
        (column.name, pa.types.is_floating(column.type))
        for column in schema
        if ACCOUNTS.column(column.name) is None
    ]


def take_population(database: Database, as_ofs: Sequence[datetime]) -> None:
    """Make the table `snapshots`: every account with MRR above 0 at each as_of, as known then.

    Accounts that have since churned or been deleted from today's list belong to it too.
    """
    database.register("as_ofs", pa.table({"as_of": pa.array(as_ofs, pa.timestamp("us"))}))
    database.create_table("snapshots", _POPULATION, "population")


_POPULATION = """
SELECT DISTINCT s.account_id, a.as_of FROM subscriptions AS s
JOIN as_ofs AS a ON s.started_at < a.as_of AND s.recorded_at < a.as_of
WHERE s.mrr > 0 AND NOT coalesce(s.ended_at < a.as_of AND s.end_recorded_at < a.as_of, false)
"""
