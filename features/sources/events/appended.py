"""Events that are appended to those stored before: rows that repeat a stored one, visits, and the monthly files.

The view `stored_events` holds the stored ones; `judged`, and later `events`, the rows that are appended.
"""

from __future__ import annotations

from pathlib import Path

from undertow.features.engines.duckdb import Connection, literal, rows, run
from undertow.features.errors import DataError
from undertow.features.sources.events.months import (
    Fingerprint,
    add_to_months,
    event_files,
    fingerprint,
    months_of,
    read_events,
)
from undertow.features.sources.events.visits import mark_visits_beside
from undertow.features.sources.rows.contract import REASON
from undertow.features.sources.rows.repeats import NOT_COMPARED, REPEATED
from undertow.features.tables import EVENTS

WITHOUT_KEY = "SELECT count(*) AS n FROM {table} WHERE event_id LIKE 'row %'"  # keyed by the number of the row


class NotAppended(DataError):
    """Added events cannot be appended to the stored ones, for the reason in the message: all must be read again."""


def show_stored(connection: Connection, folder: Path) -> None:
    """Create the view `stored_events` of the monthly files in `folder`."""
    run(connection, f"CREATE OR REPLACE VIEW stored_events AS {read_events(event_files(folder))}", "events")


def settle_with_stored(connection: Connection) -> None:
    """Mark rows of `judged` that repeat a stored one. Raises NotAppended where a row differs from one of its key."""
    if _count(connection, WITHOUT_KEY.format(table="judged")):
        raise NotAppended("rows without event_id were added")
    compared = [column.name for column in EVENTS.columns if column.name not in NOT_COMPARED]
    compared = [name for name in compared if name not in ("opens_visit", "event_id")]
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM j.{name}" for name in compared)
    run(
        connection,
        f"CREATE OR REPLACE TEMP TABLE met AS SELECT j.event_id, "
        f"bool_or({same} AND s.recorded_at <= j.recorded_at) AS is_repeated "
        f"FROM judged AS j JOIN stored_events AS s USING (event_id) WHERE j.{REASON} IS NULL GROUP BY j.event_id",
        "events",
    )
    if _count(connection, "SELECT count(*) AS n FROM met WHERE NOT is_repeated"):
        raise NotAppended("a row was changed: one that was added has the event_id of an earlier one and differs")
    run(connection, f"UPDATE judged SET {REASON} = {literal(REPEATED)} WHERE {REASON} IS NULL "
                    "AND event_id IN (SELECT event_id FROM met)", "events")  # fmt: skip


def append_events(
    connection: Connection, before: Path, into: Path, known: dict[str, Fingerprint]
) -> dict[str, Fingerprint]:
    """Write the months of `before` with the rows of the table `events` to `into`; `events` is then a view of all.

    `known`: the fingerprint of each month of `before`. Returns those of the months in `into`.
    """
    mark_visits_beside(connection)
    changed = months_of(connection, "events") | months_of(connection, "unmarked")
    add_to_months(connection, before, into, changed)
    months = {name: found for name, found in known.items() if name not in changed}
    for month in changed:
        months[month] = fingerprint(connection, read_events(event_files(into, month)))
    run(connection, f"DROP TABLE events; CREATE VIEW events AS {read_events(event_files(into))}", "events")
    return months


def _count(connection: Connection, sql: str) -> int:
    [row] = rows(connection, sql, "events")
    return int(str(row["n"]))
