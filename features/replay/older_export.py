"""Leakage check against an older record of the same past: an earlier export, or tables kept from an earlier run.

Only this comparison reveals overwritten end states, back-dated rows, recomputed aggregates and deleted
accounts: today's record alone does not show that its past was changed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from glob import escape
from pathlib import Path

import pyarrow.parquet as pq

from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.catalogue.cards import Feature
from undertow.features.engines.duckdb import Connection, InDuckDB, quoted, run
from undertow.features.errors import SourceError
from undertow.features.replay.replay import (
    Comparison,
    Finding,
    compare,
    count_rows,
    differences,
    grouped,
    population_findings,
    rows_recorded_by,
)
from undertow.features.settings import Settings
from undertow.features.settings.databases import FileEntry
from undertow.features.settings.source_files import SourceFiles
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import SUMMARY, Progress, Tables, read_version
from undertow.features.tables import ALL_TABLES, SUPERSEDED, TABLES, Table


@dataclass(frozen=True)
class OlderRecord:
    """The input tables as they were loaded or exported earlier; complete before `until`."""

    name: str
    tables: Tables
    until: datetime


def kept_records(root: Path, selects: str, tables: Tables) -> list[OlderRecord]:
    """Return the older versions of the loaded tables that are still in the store, oldest first.

    `root`: the store's folder of tables. `selects`: hash of the project's SELECTs; other versions are skipped.
    """
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    versions = [_read_kept(folder, selects) for folder in folders if folder != tables.folder]
    older = [kept for kept in versions if kept is not None and kept.until < tables.until]
    return [
        OlderRecord(f"the tables loaded when the rows ended on {kept.until:%Y-%m-%d}", kept, kept.until)
        for kept in sorted(older, key=lambda kept: kept.until)
    ]


def _read_kept(folder: Path, selects: str) -> Tables | None:
    """Return a stored version of the tables, or None where another release or other SELECTs wrote it."""
    try:
        if json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["selects"] != selects:
            return None
        kept = read_version(folder)
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return kept if all(_has_contract_columns(kept, name) for name in kept.present) else None


def _has_contract_columns(kept: Tables, name: str) -> bool:
    if name not in ALL_TABLES or not kept.path(name).exists():
        return False
    names = {column.name for column in ALL_TABLES[name].columns}
    return names <= set(pq.read_schema(kept.files(name)[0]).names)


def exported_record(
    settings: Settings, elsewhere: Settings, folder: Path, tables: Tables, now: datetime
) -> OlderRecord:
    """Load an earlier export of the project's files from `folder` into the store of `elsewhere`.

    The day of the export may be recorded only in part, so it is left out. Raises SourceError where a file
    is missing or the export ends after the project's own rows.
    """
    if not folder.is_dir():
        raise SourceError(f"--against {folder} is not a folder. Give the folder that holds the earlier export.")
    earlier = elsewhere.model_copy(
        update={"files": moved_files(settings, folder), "data": settings.data.model_copy(update={"until": None})}
    )
    try:
        older = load_tables(earlier, now)
    except SourceError as error:
        raise SourceError(f"--against {folder} must hold the same files as the project: {error}") from error
    if older.until > tables.until:
        raise SourceError(
            f"--against {folder}: its rows end on {older.until:%Y-%m-%d}, after the project's own "
            f"({tables.until:%Y-%m-%d}). Give an export that was taken earlier."
        )
    until = older.until - timedelta(days=1)
    return OlderRecord(f"the export in {folder}, complete before {until:%Y-%m-%d}", older, until)


def moved_files(settings: Settings, folder: Path) -> dict[str, FileEntry]:
    """Return [files] with the common folder of all paths replaced by `folder`; rows of a database as NAME.parquet."""
    target = Path(escape(str(folder.resolve())))
    listed = {name: entry for name, entry in settings.files.items() if isinstance(entry, SourceFiles)}
    paths = {
        name: [Path(os.path.normpath(settings.folder / path)) for path in entry.path] for name, entry in listed.items()
    }
    common = Path(os.path.commonpath([path.parent for found in paths.values() for path in found])) if paths else target
    moved: dict[str, FileEntry] = {}
    for name in settings.files:
        if name in listed:
            path = tuple(str(target / each.relative_to(common)) for each in paths[name])
            moved[name] = listed[name].model_copy(update={"path": path})
        else:
            moved[name] = SourceFiles(path=(str(target / f"{escape(name)}.parquet"),))
    return moved


def against(
    connection: Connection,
    elsewhere: Settings,
    tables: Tables,
    features: FeatureTable,
    older: OlderRecord,
    progress: Progress | None = None,
) -> tuple[Comparison, tuple[Finding, ...]]:
    """Compare `features` with those rebuilt from an older record, and name the rows changed since.

    Every snapshot that the older record covers is compared. `connection`: a DuckDB connection in which the tables'
    names may be replaced. `elsewhere`: settings with the store in which the older features are built.
    """
    covered = [as_of for as_of in features.as_ofs if as_of <= older.until]
    then = build_features(elsewhere, replace(older.tables, stale=tables.stale), covered, progress)
    comparison = compare("older record", older.name, then.read(), features, covered)
    return comparison, tuple(older_findings(comparison, changed_rows(connection, tables, older)))


def changed_rows(connection: Connection, tables: Tables, older: OlderRecord) -> dict[str, list[str]]:
    """Return table -> descriptions of its rows back-dated, deleted or overwritten since the older record.

    `connection`: a DuckDB connection in which the tables' names may be replaced.
    """
    changed = {}
    shared = [name for name in tables.present if name in older.tables.present and name in TABLES]
    for name in shared:
        for temp_table, record in (("then_", older.tables), ("now_", tables)):
            open_tables(InDuckDB(connection), replace(record, reports=(record.report(name),), derived=()))
            recorded = rows_recorded_by(TABLES[name], older.until)
            if TABLES[name].has_versions:
                recorded = f"SELECT * FROM ({recorded}) WHERE {SUPERSEDED.name} IS NULL"
            run(connection, f"CREATE OR REPLACE TEMP TABLE {temp_table} AS {recorded}", name)
        changed[name] = _changes(connection, TABLES[name])
    return {name: changes for name, changes in changed.items() if changes}


def _changes(connection: Connection, table: Table) -> list[str]:
    key = f"concat_ws(' ', {', '.join(quoted(name) for name in table.key)})"
    account = ("account_id",) * (table.of_account is not None)
    same = " AND ".join(f"t.{quoted(name)} = n.{quoted(name)}" for name in dict.fromkeys((*table.key, *account)))
    shared = [name for name in _column_names(connection, "then_") if name in _column_names(connection, "now_")]
    if table.invents_key and _has_invented_keys(connection, table):
        return _changes_without_key(connection, [name for name in shared if name not in table.key])
    changes = [
        _describe_rows(connection, f"SELECT {key} AS k FROM now_ AS n WHERE NOT EXISTS (FROM then_ AS t WHERE {same})",
                       "is missing in the older record although its times are earlier (back-dated)"),
        _describe_rows(connection, f"SELECT {key} AS k FROM then_ AS t WHERE NOT EXISTS (FROM now_ AS n WHERE {same})",
                       "is missing in the newest record (deleted)"),
    ]  # fmt: skip
    differ = "SELECT t.{key} AS k FROM then_ AS t JOIN now_ AS n ON {same} WHERE t.{c} IS DISTINCT FROM n.{c}"
    for name in shared:
        sql = differ.format(key=quoted(table.key[0]), same=same, c=quoted(name))
        changes.append(_describe_rows(connection, sql, f"has a different value in {name} (overwritten)"))
    return [change for change in changes if change]


def _changes_without_key(connection: Connection, names: list[str]) -> list[str]:
    """Return the changes of a table without a key in the source: whole rows that only one of the records has."""
    listed = ", ".join(quoted(name) for name in names)
    only_in_one = {"is in the newest record only (back-dated or overwritten)": ("now_", "then_"),
                   "is in the older record only (deleted or overwritten)": ("then_", "now_")}  # fmt: skip
    changes = [
        _describe_rows(connection, f"SELECT account_id AS k FROM (SELECT {listed} FROM {one} EXCEPT ALL "
                                   f"SELECT {listed} FROM {other})", what)
        for what, (one, other) in only_in_one.items()
    ]  # fmt: skip
    return [change for change in changes if change]


def _has_invented_keys(connection: Connection, table: Table) -> bool:
    key = quoted(table.key[0])
    sql = f"SELECT count(*) FROM (SELECT {key} FROM then_ UNION ALL SELECT {key} FROM now_) WHERE {key} LIKE 'row %'"
    row = run(connection, sql, table.name).fetchone()
    return bool(row and row[0])


def _column_names(connection: Connection, table: str) -> list[str]:
    return [str(row[0]) for row in run(connection, f"DESCRIBE {table}", table).fetchall()]


def _describe_rows(connection: Connection, sql: str, what: str) -> str:
    """Return the number of selected keys (column k), an example, and what happened to each; "" without any."""
    row = run(connection, f"SELECT count(*), min(k) FROM ({sql})", "audit").fetchone()
    assert row is not None
    return f"{count_rows(row[0])}, such as {row[1]}: each {what}" if row[0] else ""


def older_findings(comparison: Comparison, changes: dict[str, list[str]]) -> list[Finding]:
    """Return a failure for each table whose past rows were changed since; `changes`: table -> descriptions."""

    def culprit(card: Feature) -> str:
        if card.tables == {"accounts"}:
            return f"accounts.{card.name.removeprefix('profile_')}"
        changed = sorted(name for name in card.tables - {"accounts"} if name in changes)
        return ", ".join(changed or sorted(card.tables))

    findings = []
    for name, columns in grouped(comparison, culprit).items():
        why = "; ".join(change for table in name.split(", ") for change in changes.get(table, [])[:4])
        if name.startswith("accounts."):
            why = "today's value is used for the whole past, and was overwritten since"
        reason = why or "no changed row explains it: was the SELECT changed since?"
        findings.append(Finding("failure", comparison.check, name, f"{reason}. {differences(columns)}"))
    return findings + population_findings(comparison)
