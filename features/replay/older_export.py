"""Replay against an older record of the same past: an earlier export, or what an earlier run has kept.

Only here do overwritten end states, back-dated rows, recomputed aggregates and deleted accounts show:
our own record looks the same however often its past was changed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from glob import escape
from pathlib import Path

import pyarrow.parquet as pq

from undertow.features.build import FeatureTable, build_features
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
from undertow.features.snapshots import open_tables
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import SUMMARY, Progress, Tables, read_version
from undertow.features.tables import TABLES, Table


@dataclass(frozen=True)
class OlderRecord:
    """The same sources as they were read or exported earlier; complete before `until`."""

    name: str
    tables: Tables
    until: datetime


def kept_records(root: Path, selects: str, tables: Tables) -> list[OlderRecord]:
    """Return the versions of the tables that are still in the store and end earlier, oldest first."""
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    found = [_read_kept(folder, selects) for folder in folders if folder != tables.folder]
    older = [kept for kept in found if kept is not None and kept.until < tables.until]
    return [
        OlderRecord(f"what was read when the rows ended on {kept.until:%Y-%m-%d}", kept, kept.until)
        for kept in sorted(older, key=lambda kept: kept.until)
    ]


def _read_kept(folder: Path, selects: str) -> Tables | None:
    """Return a version of the tables, or None where another release or other SELECTs wrote it."""
    try:
        if json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["selects"] != selects:
            return None
        kept = read_version(folder)
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return kept if all(_keeps_the_contract(kept, name) for name in kept.present) else None


def _keeps_the_contract(kept: Tables, name: str) -> bool:
    if name not in TABLES or not kept.path(name).exists():
        return False
    names = {column.name for column in TABLES[name].columns}
    return names <= set(pq.read_schema(kept.files(name)[0]).names)


def exported_record(
    settings: Settings, elsewhere: Settings, folder: Path, tables: Tables, now: datetime
) -> OlderRecord:
    """Read the same files as they lie in `folder`, exported earlier, into the store of `elsewhere`.

    The day on which an export was taken may be there in part only, so it is left out. Raises SourceError
    where a file is missing or the export ends after the project's own rows.
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


def moved_files(settings: Settings, folder: Path) -> dict[str, str]:
    """Return [files] with the folder that they have in common replaced by `folder`."""
    written = {name: Path(os.path.normpath(settings.folder / pattern)) for name, pattern in settings.files.items()}
    common = Path(os.path.commonpath([path.parent for path in written.values()]))
    there = Path(escape(str(folder.resolve())))
    return {name: str(there / path.relative_to(common)) for name, path in written.items()}


def against(
    connection: Connection,
    elsewhere: Settings,
    tables: Tables,
    features: FeatureTable,
    older: OlderRecord,
    progress: Progress | None = None,
) -> tuple[Comparison, tuple[Finding, ...]]:
    """Compare every snapshot that the older record covers with `features`; say which rows were changed.

    `elsewhere`: where the older features are built.
    """
    covered = [as_of for as_of in features.as_ofs if as_of <= older.until]
    then = build_features(elsewhere, older.tables, covered, progress)
    found = compare("older record", older.name, then.read(), features, covered)
    return found, tuple(older_findings(found, changed_rows(connection, tables, older)))


def changed_rows(connection: Connection, tables: Tables, older: OlderRecord) -> dict[str, list[str]]:
    """Return table -> what was done since to rows that the older record had or should have had, in words.

    `connection`: a DuckDB connection in which the tables' names may be replaced.
    """
    changed = {}
    for name in [name for name in tables.present if name in older.tables.present]:
        for side, record in (("then_", older.tables), ("now_", tables)):
            open_tables(InDuckDB(connection), replace(record, reports=(record.report(name),)))
            recorded = rows_recorded_by(TABLES[name], older.until)
            run(connection, f"CREATE OR REPLACE TEMP TABLE {side} AS {recorded}", name)
        changed[name] = _changes(connection, TABLES[name])
    return {name: changes for name, changes in changed.items() if changes}


def _changes(connection: Connection, table: Table) -> list[str]:
    key = f"concat_ws(' ', {', '.join(quoted(name) for name in table.key)})"
    same = " AND ".join(f"t.{quoted(name)} = n.{quoted(name)}" for name in dict.fromkeys((*table.key, "account_id")))
    shared = [name for name in _column_names(connection, "then_") if name in _column_names(connection, "now_")]
    if table.invents_key and _has_invented_keys(connection, table):
        return _changes_without_key(connection, [name for name in shared if name not in table.key])
    found = [
        _counted(connection, f"SELECT {key} AS k FROM now_ AS n WHERE NOT EXISTS (FROM then_ AS t WHERE {same})",
                 "was not in the older record though its times say so (back-dated)"),
        _counted(connection, f"SELECT {key} AS k FROM then_ AS t WHERE NOT EXISTS (FROM now_ AS n WHERE {same})",
                 "is gone from the newest record (deleted)"),
    ]  # fmt: skip
    differ = "SELECT t.{key} AS k FROM then_ AS t JOIN now_ AS n ON {same} WHERE t.{c} IS DISTINCT FROM n.{c}"
    for name in shared:
        sql = differ.format(key=quoted(table.key[0]), same=same, c=quoted(name))
        found.append(_counted(connection, sql, f"has another {name} (overwritten)"))
    return [said for said in found if said]


def _changes_without_key(connection: Connection, names: list[str]) -> list[str]:
    """Rows without a key of their own can only be counted as wholes."""
    listed = ", ".join(quoted(name) for name in names)
    sides = {"is there now and was not (back-dated or overwritten)": ("now_", "then_"),
             "was there and is not now (deleted or overwritten)": ("then_", "now_")}  # fmt: skip
    found = [
        _counted(connection, f"SELECT account_id AS k FROM (SELECT {listed} FROM {here} EXCEPT ALL "
                             f"SELECT {listed} FROM {there})", said)
        for said, (here, there) in sides.items()
    ]  # fmt: skip
    return [said for said in found if said]


def _has_invented_keys(connection: Connection, table: Table) -> bool:
    key = quoted(table.key[0])
    sql = f"SELECT count(*) FROM (SELECT {key} FROM then_ UNION ALL SELECT {key} FROM now_) WHERE {key} LIKE 'row %'"
    row = run(connection, sql, table.name).fetchone()
    return bool(row and row[0])


def _column_names(connection: Connection, table: str) -> list[str]:
    return [str(row[0]) for row in run(connection, f"DESCRIBE {table}", table).fetchall()]


def _counted(connection: Connection, sql: str, said: str) -> str:
    row = run(connection, f"SELECT count(*), min(k) FROM ({sql})", "audit").fetchone()
    assert row is not None
    return f"{count_rows(row[0])}, such as {row[1]}: each {said}" if row[0] else ""


def older_findings(found: Comparison, changes: dict[str, list[str]]) -> list[Finding]:
    """Return a failure for each table whose past was changed since; `changes` names the rows."""

    def culprit(card: Feature) -> str:
        if card.tables == {"accounts"}:
            return f"accounts.{card.name.removeprefix('profile_')}"
        changed = sorted(name for name in card.tables - {"accounts"} if name in changes)
        return ", ".join(changed or sorted(card.tables))

    said = []
    for name, columns in grouped(found, culprit).items():
        why = "; ".join(change for table in name.split(", ") for change in changes.get(table, [])[:4])
        if name.startswith("accounts."):
            why = "read as it stands today for the whole past, and overwritten since"
        known = why or "no row explains it: was the SELECT changed since?"
        said.append(Finding("failure", found.check, name, f"{known}. {differences(columns)}"))
    return said + population_findings(found)
