"""Loads the input tables: runs the project's SELECTs over the source files, quarantines rows that break the contract.

There is one SELECT per table; every entry of `[files]` is a view of that name. CSV columns are
read as text and cast by the contract, so one invalid value quarantines one row and does not stop the run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from undertow.features.engines.duckdb import Connection, literal, open_duckdb, quoted, rows, run
from undertow.features.errors import ContractError, SettingsError
from undertow.features.publishing import current, publish
from undertow.features.settings import Settings
from undertow.features.sources.contract import REPEATED, contract_select
from undertow.features.sources.files import select_from_files, source_files
from undertow.features.sources.loaded import SUMMARY, Progress, QuarantineReason, TableReport, Tables, read_version
from undertow.features.sources.merges import create_heirs, create_known_accounts, follow_merges
from undertow.features.sources.project_checks import refuse_mixed_currencies, run_checks, unknown_kinds, unused
from undertow.features.sources.record_span import since, until
from undertow.features.tables import TABLES, Table

FORMAT = 3  # of the stored tables; those of another format are loaded again
BY_MONTH = ("events",)


def load_tables(settings: Settings, now: datetime, progress: Progress | None = None) -> Tables:
    """Return the project's input tables; the sources are read again only if a file, a SELECT or [data] has changed.

    Raises SourceError for a missing, empty or unreadable file, ContractError where more than
    `max_quarantine_share` of a table's rows break their contract.
    """
    tables = read_tables(settings, now, progress)
    refuse_dirt(tables, settings.data.max_quarantine_share)
    return tables


def read_tables(settings: Settings, now: datetime, progress: Progress | None = None) -> Tables:
    """Return the project's input tables, however many rows were quarantined."""
    root = settings.store_path("tables")
    name = _source_version(settings)
    published = current(root)
    if published is None or published.name != name:
        published = publish(root, name, lambda folder: _write_tables(settings, now, folder, progress))
    return read_version(published)


def refuse_dirt(tables: Tables, limit: float) -> None:
    """Raise ContractError where a table's share of quarantined rows (0 to 1) is above the limit, or no account is left.

    The message names the tables and their most frequent reasons.
    """
    dirty = [report for report in tables.reports if report.refused_share > limit]
    empty = [report for report in tables.reports if report.table == "accounts" and not report.kept]
    if dirty:
        lines = [_describe(report) for report in dirty]
        raise ContractError(
            "Too many rows break their contract (limit: "
            f"max_quarantine_share = {limit:g} under [data]):\n" + "\n".join(lines)
            + "\nRun `undertow check` to see every reason; correct the SELECT, or raise the limit."
        )
    if empty and not empty[0].read:
        raise ContractError("accounts: the source has no rows, so there is nothing to work with. Check its SELECT.")
    if empty:
        raise ContractError(
            "accounts: every row was quarantined, so there is nothing to work with. "
            "Run `undertow check` to see the reasons."
        )


def _describe(report: TableReport) -> str:
    worst = max((r for r in report.reasons if r.reason != REPEATED), key=lambda r: r.rows)
    return (
        f"  {report.table}: {report.refused:,} of {report.read:,} rows "
        f"({report.refused_share:.0%}), most of them: {worst.reason}"
    )


# --- writing ---------------------------------------------------------------------------------


def _write_tables(settings: Settings, now: datetime, folder: Path, progress: Progress | None) -> None:
    (folder / "quarantine").mkdir()
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        _open_sources(connection, settings)
        latest = now + timedelta(hours=settings.data.future_hours)
        reports = []
        given = [table for table in TABLES.values() if settings.select(table.name) is not None]
        for table in given:
            reports.append(_write_table(connection, settings, table, latest, folder))
            if progress:
                progress("reading", len(reports) / len(given))
        present = [report.table for report in reports]
        refuse_mixed_currencies(connection, present)
        summary = {
            "selects": selects_id(settings),
            "fingerprint": _fingerprint(connection, present),
            "since": since(connection, settings.data, present, now).isoformat(),
            "until": until(connection, settings.data, present, now).isoformat(),
            "reports": [asdict(report) for report in reports],
            "unused": unused(settings),
            "unknown_kinds": unknown_kinds(connection, present),
            "findings": [asdict(result) for result in run_checks(connection, settings)],
        }
    (folder / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _open_sources(connection: Connection, settings: Settings) -> None:
    """Create a view per entry of [files], in the schema `source`."""
    if settings.select("accounts") is None:
        raise SettingsError(
            "The accounts table has no source: add a file named accounts under [files], or a "
            "SELECT named accounts under [tables]. Run `undertow init` for an example."
        )
    connection.execute("CREATE SCHEMA source")
    for name in settings.files:
        select = select_from_files(name, source_files(settings, name))
        run(connection, f"CREATE VIEW source.{quoted(name)} AS {select}", f"[files] {name}")


def _write_table(
    connection: Connection, settings: Settings, table: Table, latest: datetime, folder: Path
) -> TableReport:
    """Check every row of one table against its contract; write the kept rows and the quarantined ones."""
    where = f"table {table.name}"
    select = settings.select(table.name)
    connection.execute("USE memory.source")
    run(
        connection,
        f"CREATE TABLE main.staged AS SELECT *, row_number() OVER () AS row_number_ FROM ({select})",
        where,
    )
    connection.execute("USE memory.main")
    described = connection.execute("SELECT lower(column_name), column_type FROM (DESCRIBE staged)").fetchall()
    given = dict(described)
    has_users = settings.select("users") is not None
    if table.name == "merges" and "account_id" in given:
        create_known_accounts(connection, "staged")  # a surviving account may itself have been merged away
    run(connection, f"CREATE TABLE judged AS {contract_select(table, given, latest, has_users)}", where)
    connection.execute(
        f"CREATE TABLE {table.name} AS SELECT * EXCLUDE (reason_, row_number_) FROM judged "
        "WHERE reason_ IS NULL ORDER BY row_number_"
    )
    report = _quarantine(connection, table, folder)
    connection.execute("DROP TABLE staged; DROP TABLE judged")
    if table.name == "users":  # as given, before rows are repeated for surviving accounts
        connection.execute("CREATE TABLE memberships AS FROM users")
    if table.name == "accounts":
        create_known_accounts(connection)
    elif table.name == "merges":
        create_known_accounts(connection, "merges")
        create_heirs(connection)
    elif settings.select("merges") is not None:
        follow_merges(connection, table)
    _write_rows(connection, table, folder)
    return report


def _write_rows(connection: Connection, table: Table, folder: Path) -> None:
    """Write the kept rows as one Parquet file; the events as one file per month, sorted by account within it."""
    if table.name in BY_MONTH and _count(connection, table.name):
        connection.execute(
            f"COPY (SELECT *, strftime({table.happened_at}, '%Y-%m') AS month FROM {table.name} "
            f"ORDER BY month, account_id, {table.happened_at}) TO {literal(str(folder / table.name))} "
            "(FORMAT parquet, PARTITION_BY (month))"
        )
    else:
        path = literal(str(folder / f"{table.name}.parquet"))
        connection.execute(f"COPY {table.name} TO {path} (FORMAT parquet)")


def _quarantine(connection: Connection, table: Table, folder: Path) -> TableReport:
    path = folder / "quarantine" / f"{table.name}.parquet"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE refused AS SELECT j.reason_ AS reason, "
        "CAST(json_merge_patch(to_json(s), '{\"row_number_\": null}') AS VARCHAR) AS row_as_given FROM judged AS j "
        "JOIN staged AS s USING (row_number_) WHERE j.reason_ IS NOT NULL ORDER BY row_number_"
    )
    connection.execute(f"COPY refused TO {literal(str(path))} (FORMAT parquet)")
    counted = rows(
        connection,
        "SELECT reason, count(*) AS n, min(row_as_given) AS example FROM refused "
        "GROUP BY reason ORDER BY n DESC, reason",
        table.name,
    )
    reasons = tuple(QuarantineReason(str(r["reason"]), int(str(r["n"])), str(r["example"])) for r in counted)
    return TableReport(table.name, _count(connection, "staged"), _count(connection, table.name), reasons)


def _fingerprint(connection: Connection, present: list[str]) -> str:
    parts = []
    for name in present:
        row = connection.execute(f"SELECT count(*), bit_xor(hash(t)), sum(hash(t)) FROM {name} AS t").fetchone()
        parts.append(f"{name}:{row}")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


# --- versions of the stored tables -----------------------------------------------------------


def _source_version(settings: Settings) -> str:
    """Return a hash, 16 hex digits, of every source file's size and modification time, every SELECT and [data]."""
    parts: list[object] = [FORMAT, settings.data.model_dump(mode="json")]
    for name in settings.files:
        for path in source_files(settings, name):
            status = path.stat()
            parts.append((name, str(path), status.st_size, status.st_mtime_ns))
    parts += [(table, settings.select(table)) for table in TABLES]
    parts += [(name, settings.read_sql(sql, name)) for name, sql in settings.checks.items()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def selects_id(settings: Settings) -> str:
    """Return a hash, 16 hex digits, of every table's SELECT; stored tables with another hash are not comparable."""
    return hashlib.sha256(repr([settings.select(name) for name in TABLES]).encode()).hexdigest()[:16]
