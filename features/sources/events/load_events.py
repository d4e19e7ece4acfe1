"""Loads the events: those of the whole source, or those alone that were added to its files since the last run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from undertow.features.engines.duckdb import Connection, memory_limit, path_literal, quoted, run
from undertow.features.sources.events.appended import NotAppended, append_events, settle_with_stored, show_stored
from undertow.features.sources.events.growth import Growth, columns_of, no_row, plain_entry, record_of, states_before
from undertow.features.sources.events.months import event_files, read_events, write_months
from undertow.features.sources.events.sessions import count_without_session, name_sessions
from undertow.features.sources.events.visits import mark_visits
from undertow.features.sources.files.read import source_files
from undertow.features.sources.loaded import Earlier, TableReport, counted
from undertow.features.sources.merges import follow_merges
from undertow.features.sources.one_table import Loading, judge_table, keep_rows
from undertow.features.tables import EVENTS

PAUSES = "sessions end with pauses, which are found over all rows"
ROWS_PER_GB = 10_000_000  # rows that are read at once, per GB of the memory limit; they take 4 GB of temporary disk


def load_events(
    loading: Loading, folder: Path, progress: Callable[[float], None], growth: Growth | None, in_batches: bool
) -> TableReport:
    """Check the events against their contract, and write the kept ones by month and the quarantined ones.

    `growth`: the rows that were added alone are read; those before them are taken from the last run. `in_batches`:
    Parquet files whose rows do not fit into memory together are read in batches. Raises NotAppended where rows may not
    be taken or read so.
    """
    connection, files = loading.connection, growth.files if growth else states_before(loading.settings)
    notes, cautions = len(loading.notes), len(loading.cautions)
    entry = plain_entry(connection, loading.settings) if in_batches else None
    batches = batches_of(connection, source_files(loading.settings, entry)) if entry else []
    if growth:
        report = _load_added(loading, folder, progress, growth)
    elif entry and len(batches) > 1:
        report = _load_in_batches(loading, folder, progress, entry, batches)
    else:
        report = _load_whole(loading, folder, progress)
    said = {"notes": loading.notes[notes:], "cautions": loading.cautions[cautions:]}
    if growth:
        said = {name: growth.record[name] for name in said}  # what is said of a column is said of all of its rows
        loading.notes[notes:], loading.cautions[cautions:] = [*said["notes"], _how(growth, report)], said["cautions"]
    if not loading.has_named_sessions:
        loading.record = record_of(connection, loading.settings, files, loading.months, said)
    return report


def _load_whole(loading: Loading, folder: Path, progress: Callable[[float], None]) -> TableReport:
    in_order = judge_table(loading, EVENTS, progress)
    report = _keep(loading, folder, in_order, None)
    _name_sessions(loading)
    mark_visits(loading.connection)
    loading.months = write_months(loading.connection, folder / "events")
    return report


def _load_added(
    loading: Loading, folder: Path, progress: Callable[[float], None], growth: Growth
) -> TableReport:
    connection = loading.connection
    in_order = judge_table(loading, EVENTS, progress)
    growth.refuse_changes(connection, loading.sources[growth.entry])
    settle_with_stored(connection)
    report = _keep(loading, folder, in_order, growth.earlier)
    _refuse_pauses(loading)
    loading.months = growth.append(connection, folder)
    return report


def _load_in_batches(
    loading: Loading, folder: Path, progress: Callable[[float], None], entry: str, batches: list[list[Path]]
) -> TableReport:
    """Load the events batch by batch, each appended to the months that are written so far."""
    connection, columns = loading.connection, columns_of(loading.connection, entry)
    all_rows = loading.sources[entry].select()
    report, months = None, folder / "events"
    for number, files in enumerate(batches):
        listed = ", ".join(path_literal(file) for file in files)
        batch = f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"
        _show(connection, entry, f"{no_row(columns)} UNION ALL BY NAME {batch}")
        step = _part_of(progress, number / len(batches), 1 / len(batches))
        if report is None:
            report = _load_whole(loading, folder, step)
            if not report.kept:
                raise NotAppended("no row of its first files was kept")
            if loading.has_named_sessions:
                raise NotAppended(PAUSES)
            continue
        run(connection, f"DROP {'TABLE' if number == 1 else 'VIEW'} events", "events")
        show_stored(connection, months)
        in_order = judge_table(loading, EVENTS, step)
        settle_with_stored(connection)
        report = _keep(loading, folder, in_order, Earlier(folder / "quarantine" / "events.parquet", report))
        _refuse_pauses(loading)
        written = folder / "events-more"
        loading.months = append_events(connection, months, written, loading.months)
        shutil.rmtree(months)
        written.rename(months)
    run(connection, f"CREATE OR REPLACE VIEW events AS {read_events(event_files(months))}", "events")
    _show(connection, entry, all_rows)
    assert report is not None
    return report


def batches_of(connection: Connection, files: Sequence[Path]) -> list[list[Path]]:
    """Return Parquet files in batches of as many rows as the memory limit carries, in order; [] for other files."""
    if not all(file.suffix == ".parquet" for file in files):
        return []
    most = ROWS_PER_GB * memory_limit(connection) / 1024**3
    batches: list[list[Path]] = []
    rows_so_far = 0
    for file in files:
        count = pq.read_metadata(file).num_rows
        if not batches or rows_so_far + count > most:
            batches.append([])
            rows_so_far = 0
        batches[-1].append(file)
        rows_so_far += count
    return batches


def _keep(loading: Loading, folder: Path, in_order: bool, earlier: Earlier | None) -> TableReport:
    report = keep_rows(loading, EVENTS, folder, in_order, earlier)
    if loading.gives("merges"):
        follow_merges(loading.connection, EVENTS)
    return report


def _name_sessions(loading: Loading) -> None:
    """Name the sessions of rows without session_id, where the settings give a gap."""
    gap = loading.settings.events.session_gap_minutes
    without = count_without_session(loading.connection) if gap else 0
    if without:
        name_sessions(loading.connection, gap)
        loading.has_named_sessions = True
        loading.notes.append(
            f"events: {counted(without, 'row')} with a user and without session_id, put into sessions that end with a "
            f"pause of over {gap:g} minutes ([events] session_gap_minutes)."
        )


def _refuse_pauses(loading: Loading) -> None:
    """Raise NotAppended where rows that are added need sessions of their own."""
    if loading.settings.events.session_gap_minutes and count_without_session(loading.connection):
        raise NotAppended(PAUSES)


def _show(connection: Connection, entry: str, select: str) -> None:
    run(connection, f"CREATE OR REPLACE VIEW source.{quoted(entry)} AS {select}", f"[files] {entry}")


def _part_of(progress: Callable[[float], None], done: float, size: float) -> Callable[[float], None]:
    return lambda share: progress(done + size * share)


def _how(growth: Growth, report: TableReport) -> str:
    added, before = report.read - growth.report.read, growth.report.read
    return (
        f"events: {counted(added, 'row')} added to {growth.entry} since the last run were read; the {before:,} before "
        "them, in files that are unchanged, were not read again."
    )
