"""The period that the source tables record completely: its first day, and the first day after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from undertow.features.engines.duckdb import Connection
from undertow.features.settings import Data
from undertow.features.tables import TABLES, Table

WRITTEN_LIVE = ("events", "tickets", "surveys", "invoices", "payments")


def since(connection: Connection, data: Data, present: list[str], now: datetime) -> datetime:
    """Return the first fully recorded day: that of the first row in the tables that are written live.

    Accounts, users and subscriptions are often imported from an older system without those that had
    already left; an as_of before the period would contain survivors only (survivorship bias).
    """
    if data.since is not None:
        return datetime.combine(data.since, datetime.min.time())
    written_live = [name for name in present if name in WRITTEN_LIVE] or ["subscriptions"]
    selects = [f"SELECT min({_recorded_at(TABLES[name])}) AS t FROM {name}" for name in written_live if name in present]
    return _day(connection, "min(t)", selects) or until(connection, data, present, now)


def until(connection: Connection, data: Data, present: list[str], now: datetime) -> datetime:
    """Return the first midnight after the last recorded row, or [data] until where it is set.

    Never later than today's midnight: today is not complete yet, and an announced end may lie in the future.
    """
    if data.until is not None:
        return datetime.combine(data.until, datetime.min.time())
    selects = [f"SELECT {_recorded_at(TABLES[name])} AS t FROM {name}" for name in present]
    if "subscriptions" in present:
        selects.append("SELECT end_recorded_at AS t FROM subscriptions")
    today = datetime(now.year, now.month, now.day)
    last = _day(connection, f"max(t) FILTER (WHERE t <= TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}')", selects)
    return today if last is None else min(today, last + timedelta(days=1))


def _day(connection: Connection, aggregate: str, selects: list[str]) -> datetime | None:
    """Return the midnight that begins the day of an aggregate over the times `t` selected, or None without any."""
    if not selects:
        return None
    row = connection.execute(f"SELECT {aggregate} FROM ({' UNION ALL '.join(selects)})").fetchone()
    return None if row is None or row[0] is None else datetime(row[0].year, row[0].month, row[0].day)


def _recorded_at(table: Table) -> str:
    return "recorded_at" if table.column("recorded_at") else table.happened_at
