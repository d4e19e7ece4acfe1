"""Loads the events: those of the whole source, or those alone that were added to its files since the last run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from undertow.features.engines.duckdb import Connection, rows
from undertow.features.sources.events.growth import Growth, record_of, states_before
from undertow.features.sources.events.months import Fingerprint, write_months
from undertow.features.sources.events.visits import mark_visits
from undertow.features.sources.loaded import TableReport, counted
from undertow.features.sources.merges import follow_merges
from undertow.features.sources.one_table import Loading, judge_table, keep_rows, write_rows
from undertow.features.tables import EVENTS


def load_events(
    loading: Loading, folder: Path, progress: Callable[[float], None], growth: Growth | None
) -> TableReport:
    """Check the events against their contract, and write the kept ones by month and the quarantined ones.

    `growth`: the rows that were added alone are read; those before them are taken from the last run. Raises
    NotAppended where they may not be.
    """
    connection, files = loading.connection, growth.files if growth else states_before(loading.settings)
    notes, cautions = len(loading.notes), len(loading.cautions)
    in_order = judge_table(loading, EVENTS, progress)
    if growth:
        growth.refuse_changes(connection, loading.sources[growth.entry])
        growth.settle_repeats(connection)
    report = keep_rows(loading, EVENTS, folder, in_order, growth.earlier if growth else None)
    if loading.gives("merges"):
        follow_merges(connection, EVENTS)
    said = {"notes": loading.notes[notes:], "cautions": loading.cautions[cautions:]}
    if growth:
        said = {name: growth.record[name] for name in said}  # what is said of a column is said of all of its rows
        loading.notes[notes:], loading.cautions[cautions:] = [*said["notes"], _how(growth, report)], said["cautions"]
        loading.months = growth.append(connection, folder)
    else:
        mark_visits(connection)
        loading.months = _write(connection, folder)
    loading.record = record_of(connection, loading.settings, files, loading.months, said)
    return report


def _how(growth: Growth, report: TableReport) -> str:
    added, before = report.read - growth.report.read, growth.report.read
    return (
        f"events: {counted(added, 'row')} added to {growth.entry} since the last run were read; the {before:,} before "
        "them, in files that are unchanged, were not read again."
    )


def _write(connection: Connection, folder: Path) -> dict[str, Fingerprint]:
    """Write the table `events` by month, or as one file where it is empty; return the fingerprint of each month."""
    [row] = rows(connection, "SELECT count(*) AS n FROM events", "events")
    if not row["n"]:
        write_rows(connection, "events", folder)
        return {}
    return write_months(connection, folder / "events")
