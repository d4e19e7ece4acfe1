"""Loads the input tables: runs the project's SELECTs over the source files, quarantines rows that break the contract.

There is one SELECT per table; every entry of `[files]` is a view of that name. CSV columns are
read as text and cast by the contract, so one invalid value quarantines one row and does not stop the run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from undertow.features.engines.account_key import refuse_equal_keys
from undertow.features.engines.duckdb import Connection, literal, open_duckdb, rows, run
from undertow.features.errors import ContractError, DataError
from undertow.features.publishing.versions import current, publish
from undertow.features.settings import Settings
from undertow.features.sources.databases.refresh import Databases, refresh
from undertow.features.sources.events.appended import NotAppended
from undertow.features.sources.events.growth import RECORD, Growth, find_growth
from undertow.features.sources.events.load_events import load_events
from undertow.features.sources.events.months import Fingerprint, of_all
from undertow.features.sources.files.opened import compute_views, open_files, refuse_no_accounts
from undertow.features.sources.files.read import source_files, stated_of
from undertow.features.sources.loaded import (
    FORMAT,
    NOT_REFUSED,
    SUMMARY,
    BrokenLines,
    Progress,
    TableReport,
    Tables,
    counted,
    read_version,
    span_as_json,
)
from undertow.features.sources.merges import create_heirs, create_known_accounts, follow_merges
from undertow.features.sources.one_table import Loading, judge_table, keep_rows, write_rows
from undertow.features.sources.periods import close_gaps, list_planned_changes, open_histories, refuse_late_renewals
from undertow.features.sources.price_steps import list_price_steps, plans_without_subscription
from undertow.features.sources.project_checks import run_checks, unknown_words, unused, with_own_kinds
from undertow.features.sources.record_span import Span, first_day, last_day, spans_of, written_since
from undertow.features.sources.rows.currency import choose_currency, convert, stated_currencies
from undertow.features.tables import TABLES, Table

LAST = "subscriptions"  # read last: whether a renewal is known too early depends on when the other tables begin
NEEDS_CARE = ("null_padding in conjunction with quoted new lines", "Malformed JSON in file",
              "JSON transform error in file")  # DuckDB's words for what is read with `is_careful` alone
EARLIEST = datetime(1980, 1, 1)


def load_tables(settings: Settings, now: datetime, progress: Progress | None = None) -> Tables:
    """Return the project's input tables; files are read again only if one of them, a SELECT or a rule has changed.

    Databases are read first: what changed in them is what changed in the files of their snapshots.
    Raises SourceError for a missing, empty or unreadable file, ContractError where more than `max_quarantine_share` of
    a table's rows, or of the MRR, break their contract, or where the tables cannot be used together.
    """
    tables = read_tables(settings, now, progress)
    refuse_dirt(tables, settings.data.max_quarantine_share)
    return tables


def read_tables(
    settings: Settings, now: datetime, progress: Progress | None = None, databases: Databases = "read"
) -> Tables:
    """Return the project's input tables, however many rows were quarantined; `databases`: how they are read."""
    found = refresh(settings, now, databases, progress)
    tables = _read_files(found.settings, now, progress)
    return replace(tables, notes=(*found.notes, *tables.notes), cautions=(*found.cautions, *tables.cautions))


def _read_files(settings: Settings, now: datetime, progress: Progress | None) -> Tables:
    root = settings.store_path("tables")
    name = _source_version(settings)
    published = current(root)
    if published is None or published.name != name:
        growth = find_growth(settings, published)
        published = publish(root, name, lambda folder: _write_tables(settings, now, folder, progress, growth))
    tables = read_version(published, settings.data.since, settings.data.until)
    return with_own_kinds(tables, settings.events.kinds)


def refuse_dirt(tables: Tables, limit: float) -> None:
    """Raise ContractError where the share of quarantined rows or of their MRR (0 to 1) is above the limit.

    So it does where no account is left, or where the tables cannot be used for another reason. The message names the
    tables and their most frequent reasons.
    """
    dirty = [report for report in tables.reports if max(report.refused_share, report.refused_mrr_share) > limit]
    empty = [report for report in tables.reports if report.table in ("accounts", "events") and not report.kept]
    broken = [each for each in tables.broken if each.share > limit]
    if dirty or broken:
        lines = [_describe(report, tables.currency) for report in dirty]
        lines += [f"  {each.file}: {each.lines:,} lines could not be read, such as {each.example}" for each in broken]
        raise ContractError(
            "Too many rows break their contract (limit: "
            f"max_quarantine_share = {limit:g} under [data]):\n"
            + "\n".join(lines)
            + "\nRun `undertow check` to see every reason; correct the SELECT, or raise the limit."
        )
    if tables.refusals:
        raise ContractError("\n".join(tables.refusals))
    for report in empty:
        _refuse_empty(report)


def _refuse_empty(report: TableReport) -> None:
    if report.table == "accounts" and not report.read:
        raise ContractError("accounts: the source has no rows, so there is nothing to work with. Check its SELECT.")
    if report.table == "accounts":
        raise ContractError(
            "accounts: every row was quarantined, so there is nothing to work with. "
            "Run `undertow check` to see the reasons."
        )
    if report.read:
        raise ContractError(
            "events: no row belongs to an account. Add account_id to the SELECT, or a table users with the user_id."
        )


def _describe(report: TableReport, currency: str) -> str:
    faults = [reason for reason in report.reasons if reason.reason not in NOT_REFUSED]
    worst = max(faults, key=lambda r: r.rows)
    money = (
        f", {report.refused_mrr:,.0f} {currency} ({report.refused_mrr_share:.0%}) of MRR" if report.refused_mrr else ""
    )
    return (
        f"  {report.table}: {report.refused:,} of {report.read:,} rows "
        f"({report.refused_share:.0%}{money}), most of them: {worst.reason}"
    )


# --- writing ---------------------------------------------------------------------------------


def _write_tables(
    settings: Settings, now: datetime, folder: Path, progress: Progress | None, growth: Growth | None
) -> None:
    """Write all tables into `folder`; a second time, with care, where a file has lines that this needs."""
    try:
        _write_in_any_way(settings, now, folder, progress, growth, is_careful=False)
    except DataError as error:
        if not any(words in str(error) for words in NEEDS_CARE):
            raise
        _empty(folder)
        _write_in_any_way(settings, now, folder, progress, growth, is_careful=True)


def _write_in_any_way(
    settings: Settings, now: datetime, folder: Path, progress: Progress | None, growth: Growth | None, is_careful: bool
) -> None:
    """Write all tables into `folder`: of the events only what was added, or in batches, or else all at once."""
    note = ""
    if growth:
        try:
            return _read_all(settings, now, folder, progress, is_careful, growth=growth)
        except NotAppended as reason:
            note = f"events: all rows were read again, not only those added to {growth.entry}: {reason}."
            _empty(folder)
    try:
        return _read_all(settings, now, folder, progress, is_careful, in_batches=True, note=note)
    except NotAppended as reason:
        note = f"events: all rows were read at once, not in batches of files: {reason}."
        _empty(folder)
    _read_all(settings, now, folder, progress, is_careful, note=note)


def _empty(folder: Path) -> None:
    """Remove the tables that were written before reading stopped."""
    for written in folder.iterdir():
        shutil.rmtree(written) if written.is_dir() else written.unlink()


def _read_all(
    settings: Settings, now: datetime, folder: Path, progress: Progress | None, is_careful: bool,
    growth: Growth | None = None, in_batches: bool = False, note: str = "",
) -> None:  # fmt: skip
    """Read every source, and write the kept rows, the quarantined ones and the summary into `folder`.

    `is_careful`: see `read_source`. `growth`: what was added to the events, where the earlier ones are not read again.
    `in_batches`: the files of the events are read in batches where memory asks for it. `note`: printed with the others.
    """
    refuse_no_accounts(settings)
    (folder / "quarantine").mkdir()
    spill = settings.store_path("spill")
    with open_duckdb(settings.engine, spill) as connection, TemporaryDirectory(dir=spill) as copies:
        sources = open_files(connection, settings, Path(copies), is_careful, growth)
        compute_views(connection, settings)
        latest = now + timedelta(hours=settings.data.future_hours)
        loading = Loading(connection, settings, sources, latest, [note] if note else [])
        given = [table for table in _in_order() if loading.gives(table.name)]
        shares = _shares(settings, given)
        reports, done = [], 0.0
        for table in given:
            step = _step(progress, done, shares[table.name])
            if table.name == "events":
                reports.append(load_events(loading, folder, step, growth, in_batches))
            else:
                reports.append(_load_table(loading, table, now, folder, step))
            done += shares[table.name]
            step(1.0)
        reports.sort(key=lambda report: list(TABLES).index(report.table))
        summary = _summary(loading, reports, now, folder)
    (folder / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _in_order() -> list[Table]:
    """Return the tables in the order in which they are read: exchange rates after the accounts, subscriptions last."""
    first, last = ["accounts", "rates"], [LAST]
    middle = [name for name in TABLES if name not in (*first, *last)]
    return [TABLES[name] for name in (*first, *middle, *last)]


def _shares(settings: Settings, given: list[Table]) -> dict[str, float]:
    """Return table -> share of the reading that it takes, 0 to 1, by the size of the files that its SELECT names."""
    sizes = {name: sum(path.stat().st_size for path in source_files(settings, name)) for name in settings.files}
    bytes_of = {}
    for table in given:
        select = (settings.select(table.name) or "").lower()
        bytes_of[table.name] = 1 + sum(size for name, size in sizes.items() if name.lower() in select)
    total = sum(bytes_of.values())
    return {name: size / total for name, size in bytes_of.items()}


def _step(progress: Progress | None, done: float, share: float) -> Callable[[float], None]:
    def step(part: float) -> None:
        if progress:
            progress("reading", min(1.0, done + share * part))

    return step


def _load_table(
    loading: Loading, table: Table, now: datetime, folder: Path, progress: Callable[[float], None]
) -> TableReport:
    """Check every row of one table against its contract; write the kept rows and the quarantined ones."""
    connection, settings = loading.connection, loading.settings
    in_order = judge_table(loading, table, progress)
    report_currency = settings.currency.report.upper()
    if report_currency:
        convert(connection, table, report_currency, loading.gives("rates"))
    if table.name == LAST:
        live = [name for name in TABLES if name != LAST and loading.gives(name)]
        began = written_since(spans_of(connection, live, now))
        if began is not None:  # otherwise nothing says by when an imported row may have been written
            refuse_late_renewals(connection, began)
    report = keep_rows(loading, table, folder, in_order)
    if table.name == LAST:
        _finish_subscriptions(loading, folder)
    if table.name == "users":  # as given, before rows are repeated for surviving accounts
        connection.execute("CREATE TABLE memberships AS FROM users WHERE superseded_at IS NULL")
    if table.name == "accounts":
        refuse_equal_keys(connection)
        create_known_accounts(connection)
    elif table.name == "merges":
        create_known_accounts(connection, "merges")
        create_heirs(connection)
    elif loading.gives("merges") and table.of_account is not None and not table.is_judged:
        follow_merges(connection, table)
    write_rows(connection, table.name, folder)
    return report


def _since(settings: Settings, spans: dict[str, Span]) -> datetime:
    given = settings.data.since
    return datetime(given.year, given.month, given.day) if given else first_day(spans) or EARLIEST


def _finish_subscriptions(loading: Loading, folder: Path) -> None:
    """Close the gaps between touching periods, and look for periods that were left open."""
    connection, churn = loading.connection, loading.settings.churn
    moved = close_gaps(connection, churn)
    loading.notes.append(
        f"subscriptions: periods of an account at most {churn.touching:g} hours apart touch ([churn] touching); "
        f"ends moved to the next start: {moved:,}."
    )
    overlapping, example = open_histories(connection)
    if overlapping:
        loading.cautions.append(
            f"subscriptions: {counted(overlapping, 'period')} of a subscription did not end when its next one began "
            f"(such as {example}), so MRR counts twice from then on. End the earlier one in the SELECT: "
            "lead(started_at) OVER (PARTITION BY subscription_id ORDER BY started_at) AS ended_at; or, where they are "
            "different items, put the item into subscription_id."
        )


def _summary(loading: Loading, reports: list[TableReport], now: datetime, folder: Path) -> dict[str, object]:
    connection, settings = loading.connection, loading.settings
    present = [report.table for report in reports]
    derived = _write_derived(loading, present, folder)
    spans = spans_of(connection, present, now)
    currency, refusal = choose_currency(settings, stated_currencies(connection, present))
    refusals = [*loading.refusals, *([refusal] if refusal else [])]
    until = last_day([span for name, span in spans.items() if not TABLES[name].is_judged], now)
    return {
        "selects": selects_id(settings),
        "fingerprint": _fingerprint(connection, [*present, *derived], loading.months),
        RECORD: loading.record,
        "since": (_since(settings, spans) if first_day(spans) or settings.data.since else until).isoformat(),
        "until": until.isoformat(),
        "currency": currency,
        "reports": [asdict(report) for report in reports],
        "derived": derived,
        "spans": {name: span_as_json(span) for name, span in spans.items()},
        "broken": [asdict(each) for each in _broken_lines(connection, loading, folder)],
        "unused": unused(settings),
        "unknown_words": unknown_words(connection, present),
        "findings": [asdict(result) for result in run_checks(connection, settings)],
        "notes": [*loading.notes, *_span_notes(spans)],
        "cautions": loading.cautions,
        "refusals": refusals,
    }


def _write_derived(loading: Loading, present: list[str], folder: Path) -> list[str]:
    """Write the tables that follow from the given ones, and return their names."""
    connection, derived = loading.connection, []
    if LAST in present:
        list_planned_changes(connection, loading.settings.churn)
        derived.append("planned_changes")
    if LAST in present and "list_prices" in present:
        list_price_steps(connection)
        derived.append("price_steps")
        strange, example = plans_without_subscription(connection)
        if strange:
            loading.notes.append(
                f"list_prices: {counted(strange, 'plan')} of no subscription, such as {example} (spelled otherwise?)."
            )
    if _exists(connection, "visitors"):
        derived.append("visitors")
    for name in derived:
        write_rows(connection, name, folder)
    return derived


def _span_notes(spans: dict[str, Span]) -> list[str]:
    notes = [
        f"{name}: {counted(span.lone, 'row')} a year or more outside all others (from {span.lone_at:%Y-%m-%d}); what "
        "lies so far out does not set the period."
        for name, span in spans.items()
        if span.lone and span.lone_at
    ]
    thin = [f"{name}: {'; '.join(span.thin)}" for name, span in spans.items() if span.thin]
    if thin:
        notes.append(f"{'; '.join(thin)}. If the export ends there, set [data] until to the first thin day.")
    return notes


def _broken_lines(connection: Connection, loading: Loading, folder: Path) -> list[BrokenLines]:
    """Write the lines that could not be read to quarantine, and return their number per file."""
    found = []
    if _exists(connection, "reject_errors"):
        run(connection, f"CREATE OR REPLACE TEMP TABLE broken AS {_REJECTED}", "sources")
        run(connection, f"COPY broken TO {literal(str(folder / 'quarantine' / 'lines.parquet'))} (FORMAT parquet)",
            "sources")  # fmt: skip
        broken = rows(connection, "SELECT file, count(*) AS n, min_by(text, line) AS example FROM broken "
                                   "GROUP BY file ORDER BY file", "sources")  # fmt: skip
        found = [(str(row["file"]), int(str(row["n"])), str(row["example"])) for row in broken]
    for source in loading.sources.values():
        found += [(file, lines, f"a line that is {reason}") for file, lines, reason in source.broken]
    return [_broken_file(connection, loading, *each) for each in found]


def _broken_file(connection: Connection, loading: Loading, file: str, lines: int, example: str) -> BrokenLines:
    """Return the broken lines of a file, with the number of its other lines."""
    pairs = [pair for source in loading.sources.values() for pair in zip(source.files, source.selects, strict=True)]
    select = next(select for path, select in pairs if str(path) == file)
    [row] = rows(connection, f"SELECT count(*) AS n FROM ({select})", file)
    return BrokenLines(os.path.relpath(file, loading.settings.folder), lines, int(str(row["n"])), example)


_REJECTED = """
SELECT DISTINCT s.file_path AS file, e.line, e.error_type,
       'line ' || e.line || ' (' || lower(CAST(e.error_type AS VARCHAR)) || '): ' || coalesce(e.csv_line, '') AS text
FROM reject_errors AS e JOIN reject_scans AS s USING (scan_id, file_id)
"""


def _exists(connection: Connection, name: str) -> bool:
    sql = f"SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = {literal(name)}"
    return rows(connection, sql, name)[0]["n"] != 0


def _fingerprint(connection: Connection, present: list[str], months: dict[str, Fingerprint]) -> str:
    """Return a hash of all kept rows, independent of their order; `months`: the fingerprints of the events."""
    parts = []
    for name in present:
        row = of_all(months) if name == "events" else connection.execute(
            f"SELECT count(*), bit_xor(hash(t)), sum(hash(t)) FROM {name} AS t"
        ).fetchone()  # fmt: skip
        parts.append(f"{name}:{row}")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _count(connection: Connection, table: str) -> int:
    return int(str(rows(connection, f"SELECT count(*) AS n FROM {table}", table)[0]["n"]))


# --- versions of the stored tables -----------------------------------------------------------


def _source_version(settings: Settings) -> str:
    """Return a hash, 16 hex digits, of every source file's size and modification time, every SELECT and every rule.

    The end of the record ([data] until) and the limit on quarantined rows are no rules: they change no row.
    """
    rules = settings.data.model_dump(mode="json", exclude={"until", "max_quarantine_share"})
    churn = settings.churn.model_dump(mode="json", include={"touching", "neutral_reasons"})
    parts: list[object] = [FORMAT, rules, churn, settings.currency.report, settings.value.currency]
    for name in settings.files:
        for path in source_files(settings, name):
            status = path.stat()
            parts.append((name, os.path.relpath(path, settings.folder), status.st_size, status.st_mtime_ns))
    parts += stated_of(settings)
    parts += list(settings.selects().items())
    parts += [(settings.scores.are_words, settings.scores.words)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def selects_id(settings: Settings) -> str:
    """Return a hash, 16 hex digits, of every table's SELECT; stored tables with another hash are not comparable."""
    selects = [settings.select(name) for name in TABLES]
    views = [settings.read_sql(sql, name) for name, sql in settings.views.items()]
    return hashlib.sha256(repr([*selects, *views]).encode()).hexdigest()[:16]
