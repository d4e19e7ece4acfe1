"""Rows that share a key: a retry, a newer state of the same row, or two things under one name.

Rows equal in every column are a retry and count once. In tables of states (tickets, invoices, subscriptions, ...)
rows that differ are states of one thing: the newest counts, and an earlier one still counts for an earlier as_of where
`recorded_at` says when the newer one was written. Which state is newer is told by recorded_at, then by the order of
the files, then by the times in the row itself. Rows that contradict each other without such an order, or that name
another account or time, are two things under one name and are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from undertow.features.engines.duckdb import Connection, literal, quoted, rows, run
from undertow.features.sources.files.read import FILE_NUMBER
from undertow.features.sources.rows.contract import REASON, ROW
from undertow.features.tables import SUPERSEDED, Table, TableColumn

REPEATED = "repeated row, equal in every column (kept once)"
EARLIER = "earlier state of a row (the newest counts)"
OVERLAP = "row that an overlapping file holds too (counted once)"
CLASH = "two things under one key"
NOT_COMPARED = ("recorded_at", SUPERSEDED.name)


@dataclass(frozen=True)
class Clash:
    """Rows of one key that are not the same thing: how many rows, the columns that differ, and two of the rows."""

    rows: int
    columns: tuple[str, ...]
    examples: tuple[str, str]


@dataclass(frozen=True)
class Settled:
    """What became of the rows that share a key: the clash among them, if any; whether rows of `judged` were moved."""

    clash: Clash | None = None
    is_moved: bool = False


def settle_repeats(connection: Connection, table: Table, number_files: Callable[[], bool]) -> Settled:
    """Settle the rows of the table `judged` that share a key: mark those that do not count, and date the states.

    `number_files`: adds the column FILE_NUMBER to `judged`, and returns whether that was possible; it is called
    only where the order of the files could decide.
    """
    key = _listed(table.key)
    run(connection, f"CREATE OR REPLACE TEMP TABLE repeated AS {_REPEATED.format(key=key)}", table.name)
    if not _count(connection, "repeated"):
        return Settled()
    compared = [column for column in _columns(connection) if column not in NOT_COMPARED]
    run(connection, _RETRIES.format(key=key, compared=_listed(compared), order=_first(table)), table.name)
    if not _count(connection, "states"):
        return Settled()
    is_numbered = (table.has_versions or table.name == "accounts") and number_files()
    _settle_states(connection, table, compared, is_numbered)
    columns = _listed([*_columns(connection), ROW, REASON])
    run(connection, f"DELETE FROM judged WHERE {ROW} IN (SELECT {ROW} FROM states)", table.name)
    run(connection, f"INSERT INTO judged BY NAME SELECT {columns} FROM settled", table.name)
    return Settled(_clash(connection, table), is_moved=True)


def mark_overlap(connection: Connection, table: Table) -> None:
    """Mark rows of `judged` without a key that are equal to a row of another file; it has the column FILE_NUMBER.

    Rows that are equal within one file all count.
    """
    compared = _listed([name for name in _columns(connection) if name not in table.key])
    run(connection, _OVERLAP.format(compared=compared), table.name)


def identical_rows(connection: Connection, table: Table) -> int:
    """Return how many rows of `judged` are equal to an earlier one in every column but the key."""
    compared = _listed([name for name in _columns(connection) if name not in table.key])
    sql = f"SELECT count(*) - count(DISTINCT hash({compared})) AS n FROM judged WHERE {REASON} IS NULL"
    [row] = rows(connection, sql, table.name)
    return int(str(row["n"]))


def _settle_states(connection: Connection, table: Table, compared: list[str], is_numbered: bool) -> None:
    late = [column for column in compared if _is_late(table, column)]
    plain = [column for column in compared if column not in (*late, *table.key)]
    fixed = [name for name in ("account_id", table.happened_at) if name in plain]
    plain = [name for name in plain if name not in fixed]
    by_key = f"OVER (PARTITION BY {_listed(table.key)})"
    group = f"OVER (PARTITION BY {_listed(table.key)}, {_recorded(table)})"
    file = FILE_NUMBER if is_numbered else "NULL"
    conflicting = [f"CASE WHEN count(DISTINCT {quoted(name)}) {group} > 1 THEN {literal(name)} END" for name in plain]
    moved = [f"CASE WHEN count(DISTINCT {quoted(name)}) {by_key} > 1 THEN {literal(name)} END" for name in fixed]
    if not table.has_versions and table.name != "accounts":  # rows of these tables are facts, and never change
        conflicting = [
            f"CASE WHEN count(DISTINCT {quoted(name)}) {by_key} + CAST(count({quoted(name)}) {by_key} < "
            f"count(*) {by_key} AND count({quoted(name)}) {by_key} > 0 AS INT) > 1 THEN {literal(name)} END"
            for name in (*plain, *late)
        ]
    late_times = [quoted(name) for name in late if _type(table, name) == "time"]
    sql = _STATES.format(
        moved=_list(moved),
        conflicts=_list(conflicting),
        late=" OR ".join([f"count(DISTINCT {quoted(name)}) {group} > 1" for name in late] or ["false"]),
        files=f"count(DISTINCT {file}) {group} = count(*) {group}" if is_numbered else "false",
        newest=f"greatest({', '.join([*late_times, 'NULL'])})",
        file=file,
    )
    run(connection, f"CREATE OR REPLACE TEMP TABLE compared AS {sql}", table.name)
    merged = ", ".join(f"max({quoted(name)}) {group} AS {quoted(name)}" for name in (*plain, *late))
    run(
        connection,
        _WINNERS.format(
            key=_listed(table.key), recorded=_recorded(table), clash=literal(CLASH), earlier=literal(EARLIER),
            merged=f"* REPLACE ({merged})" if merged else "*",
            superseded=_SUPERSEDED.format(key=_listed(table.key)) if table.has_versions else "*",
        ),
        table.name,
    )  # fmt: skip


def _clash(connection: Connection, table: Table) -> Clash | None:
    """Return the clash among the settled rows, with the columns and the first two rows of one key; None without any."""
    clashing = f"FROM settled WHERE {REASON} = {literal(CLASH)}"
    [counted] = rows(connection, f"SELECT count(*) AS n, min({_key_text(table)}) AS key {clashing}", table.name)
    if not int(str(counted["n"])):
        return None
    of_key = f"{clashing} AND {_key_text(table)} = {literal(str(counted['key']))}"
    [differ] = rows(connection, f"SELECT list_distinct(flatten(list(differing_))) AS names {of_key}", table.name)
    assert isinstance(differ["names"], list)
    names = sorted(str(name) for name in differ["names"])
    shown = _listed(dict.fromkeys([*table.key, *names]))
    sql = f"SELECT CAST(to_json(r) AS VARCHAR) AS text FROM (SELECT {shown} {of_key} ORDER BY {ROW} LIMIT 2) AS r"
    examples = [str(row["text"]) for row in rows(connection, sql, table.name)]
    return Clash(int(str(counted["n"])), tuple(names), (examples[0], examples[-1]))


def _key_text(table: Table) -> str:
    return f"concat_ws(' ', {_listed(table.key)})"


def _columns(connection: Connection) -> list[str]:
    described = [str(row["column_name"]) for row in rows(connection, "DESCRIBE judged", "judged")]
    return [name for name in described if name not in (ROW, REASON, FILE_NUMBER)]


def _is_late(table: Table, name: str) -> bool:
    column = table.column(name)
    return isinstance(column, TableColumn) and column.known_from is not None


def _type(table: Table, name: str) -> str:
    column = table.column(name)
    return column.type if column else "text"


def _recorded(table: Table) -> str:
    return "recorded_at" if table.column("recorded_at") else table.happened_at


def _first(table: Table) -> str:
    return f"{_recorded(table)}, {ROW}"


def _listed(names: object) -> str:
    return ", ".join(quoted(str(name)) for name in names)  # type: ignore[attr-defined]


def _list(cases: list[str]) -> str:
    return f"list_filter([{', '.join(cases)}], lambda name: name IS NOT NULL)" if cases else "CAST([] AS VARCHAR[])"


def _count(connection: Connection, name: str) -> int:
    [row] = rows(connection, f"SELECT count(*) AS n FROM {name}", name)
    return int(str(row["n"]))


_REPEATED = f"""
SELECT * FROM judged WHERE {REASON} IS NULL AND ({{key}}) IN (
    SELECT ({{key}}) FROM judged WHERE {REASON} IS NULL GROUP BY {{key}} HAVING count(*) > 1)
"""

_RETRIES = f"""
CREATE OR REPLACE TEMP TABLE numbered AS
SELECT *, row_number() OVER (PARTITION BY {{compared}} ORDER BY {{order}}) AS copy_ FROM repeated;
UPDATE judged SET {REASON} = {literal(REPEATED)} WHERE {ROW} IN (SELECT {ROW} FROM numbered WHERE copy_ > 1);
CREATE OR REPLACE TEMP TABLE singles AS SELECT * EXCLUDE (copy_) FROM numbered WHERE copy_ = 1;
CREATE OR REPLACE TEMP TABLE states AS
SELECT * FROM singles WHERE ({{key}}) IN (SELECT ({{key}}) FROM singles GROUP BY {{key}} HAVING count(*) > 1)
"""

# Per row: the columns that differ within its key or recording time, and its place in the order of the states.
_STATES = """
SELECT *, {moved} AS moved_, {conflicts} AS conflicts_, {late} AS is_late_, {files} AS in_files_,
       {newest} AS newest_, {file} AS file_
FROM states
"""

_WINNERS = f"""
CREATE OR REPLACE TEMP TABLE placed AS
SELECT *, list_concat(moved_, CASE WHEN in_files_ THEN CAST([] AS VARCHAR[]) ELSE conflicts_ END) AS differing_,
       row_number() OVER (PARTITION BY {{key}}, {{recorded}} ORDER BY file_ DESC NULLS LAST, newest_ DESC NULLS LAST,
                          {ROW} DESC) AS place_,
       count(*) OVER (PARTITION BY {{key}}, {{recorded}}) > 1 AND NOT in_files_ AND NOT is_late_
           AND len(differing_) = 0 AS is_merged_
FROM compared;
CREATE OR REPLACE TEMP TABLE clashing AS SELECT DISTINCT {{key}} FROM placed WHERE len(differing_) > 0;
CREATE OR REPLACE TEMP TABLE settled AS
WITH merged AS (SELECT {{merged}} FROM placed WHERE is_merged_ UNION ALL FROM placed WHERE NOT is_merged_),
marked AS (
    SELECT * REPLACE (CASE WHEN ({{key}}) IN (SELECT ({{key}}) FROM clashing) THEN {{clash}}
                           WHEN place_ > 1 THEN {{earlier}} END AS {REASON})
    FROM merged)
SELECT {{superseded}} FROM marked
"""

_SUPERSEDED = f"""* REPLACE (CASE WHEN {REASON} IS NULL THEN lead(recorded_at) OVER (
    PARTITION BY {{key}}, {REASON} IS NULL ORDER BY recorded_at) END AS superseded_at)"""

_OVERLAP = f"""
CREATE OR REPLACE TEMP TABLE copies AS
SELECT {ROW} FROM (
    SELECT {ROW}, row_number() OVER (PARTITION BY h, nth ORDER BY {FILE_NUMBER}, {ROW}) AS copy_
    FROM (SELECT {ROW}, {FILE_NUMBER}, hash({{compared}}) AS h,
                 row_number() OVER (PARTITION BY hash({{compared}}), {FILE_NUMBER} ORDER BY {ROW}) AS nth
          FROM judged WHERE {REASON} IS NULL)
) WHERE copy_ > 1;
UPDATE judged SET {REASON} = {literal(OVERLAP)} WHERE {ROW} IN (SELECT {ROW} FROM copies)
"""
