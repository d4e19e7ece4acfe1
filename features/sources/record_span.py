"""The first and the last day that the source tables cover completely."""

from __future__ import annotations

from datetime import datetime, timedelta

from undertow.features.engines.duckdb import Connection
from undertow.features.settings import Settings
from undertow.features.tables import TABLES, Table

WRITTEN_LIVE = ("events", "tickets", "surveys", "invoices", "payments")


def since(connection: Connection, settings: Settings, present: list[str], now: datetime) -> datetime:
    """Return when the record begins: the first row of the tables that are written as things happen.

    Accounts, users and subscriptions are often carried over from an older system, without those
    that had already left: looking from before the record would see survivors only.
    """
    if settings.data.since is not None:
        return datetime.combine(settings.data.since, datetime.min.time())
    written_live = [name for name in present if name in WRITTEN_LIVE] or ["subscriptions"]
    moments = [f"SELECT min({_recorded_at(TABLES[name])}) AS t FROM {name}" for name in written_live if name in present]
    return _day(connection, "min(t)", moments) or until(connection, settings, present, now)


def until(connection: Connection, settings: Settings, present: list[str], now: datetime) -> datetime:
    """Return the first midnight after the last recorded row, unless the settings say it.

    Never after today's: today is still being written, and an end announced for later has not come.
    """
    if settings.data.until is not None:
        return datetime.combine(settings.data.until, datetime.min.time())
    moments = [f"SELECT {_recorded_at(TABLES[name])} AS t FROM {name}" for name in present]
    if "subscriptions" in present:
        moments.append("SELECT end_recorded_at AS t FROM subscriptions")
    today = datetime(now.year, now.month, now.day)
    last = _day(connection, f"max(t) FILTER (WHERE t <= TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}')", moments)
    return today if last is None else min(today, last + timedelta(days=1))


def _day(connection: Connection, of: str, moments: list[str]) -> datetime | None:
    """Return the midnight that begins the day of an aggregate over times `t`, or None without any."""
    if not moments:
        return None
    row = connection.execute(f"SELECT {of} FROM ({' UNION ALL '.join(moments)})").fetchone()
    return None if row is None or row[0] is None else datetime(row[0].year, row[0].month, row[0].day)


def _recorded_at(table: Table) -> str:
    return "recorded_at" if table.column("recorded_at") else table.happened_at
