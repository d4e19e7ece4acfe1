"""Loads one table: stages the rows of its SELECT, judges them by the contract, settles repeated keys, quarantines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from undertow.features.engines.duckdb import (
    Connection,
    literal,
    one_select,
    path_literal,
    quoted,
    rows,
    run,
    run_watched,
)
from undertow.features.errors import ContractError, DataError
from undertow.features.settings import Settings
from undertow.features.sources.files.read import FILE_NUMBER, Source, with_file_number
from undertow.features.sources.loaded import NOT_REFUSED, Earlier, QuarantineReason, TableReport, counted
from undertow.features.sources.merges import create_known_accounts
from undertow.features.sources.rows.casting import RATINGS, Reading
from undertow.features.sources.rows.contract import (
    REASON,
    ROW,
    UNKNOWN_ACCOUNT,
    VISITOR,
    contract_select,
    has_pieces,
    refuse_reserved,
    spared_times,
)
from undertow.features.sources.rows.health_scores import words_of_scores
from undertow.features.sources.rows.repeats import (
    Clash,
    identical_rows,
    mark_overlap,
    settle_repeats,
)
from undertow.features.tables import Table

FEW_RATINGS = 20  # below so many, ratings of only 0 and 1 are not taken for good and bad
THOUSANDS = r"\s*-?[1-9]\d{0,2}[.,]\d{3}\s*"
ROUNDED = r"\s*\d(\.\d+)?[eE]\+\d+\s*"  # an id that a spreadsheet or a JSON reader wrote as a rounded number
FEW_CLASHES = 0.001  # a larger share of a table's rows that clash stops every job


@dataclass
class Loading:
    """One reading of all sources: the connection with a view per entry of [files], and what was found so far.

    `latest`: the latest valid time of a row. `notes`, `cautions`, `refusals`: see `Tables`. `months`: the fingerprint
    of the events of each month. `record`: what the next run needs to read only the events that will be added.
    `has_named_sessions`: events without session_id were put into sessions by their pauses.
    """

    connection: Connection
    settings: Settings
    sources: Mapping[str, Source]
    latest: datetime
    notes: list[str] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    months: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    record: dict[str, Any] | None = None
    has_named_sessions: bool = False

    def gives(self, table: str) -> bool:
        """Return whether the project has a source for a table."""
        return self.settings.select(table) is not None

    def select(self, table: Table) -> str:
        """Return the SELECT that yields a table, without the semicolon and comments after it."""
        return one_select(self.settings.select(table.name) or "", f"[tables] {table.name}")

    def reads_several_files(self, table: Table) -> bool:
        """Return whether a source that the table's SELECT names has several files."""
        select = self.select(table).lower()
        several = [name for name, source in self.sources.items() if len(source.selects) > 1]
        return any(re.search(rf"\b{re.escape(name.lower())}\b", select) for name in several)


def judge_table(loading: Loading, table: Table, progress: Callable[[float], None]) -> bool:
    """Create the table `judged`: every row of the source, cast, with REASON where it is not kept; and `staged`.

    Returns whether its rows are still in the order of the source.
    """
    given = _stage(loading, table, lambda share: progress(0.4 * share))
    refuse_reserved(table, given)
    if table.name == "merges" and "account_id" in given:
        create_known_accounts(loading.connection, "staged")  # a surviving account may itself have been merged away
    _refuse_rounded_ids(loading, table, given)
    _name_ambiguous_numbers(loading, table, given)
    reading = _reading(loading, table, given)
    keyed = all(name in given for name in table.key)
    in_pieces = table.has_versions and keyed and _count(loading.connection, has_pieces(table, given, reading)) > 0
    select = contract_select(table, given, reading, in_pieces)
    run_watched(loading.connection, f"CREATE TABLE judged AS {select}", f"table {table.name}",
                lambda share: progress(0.4 + 0.4 * share))  # fmt: skip
    _name_twins(loading.connection, table)
    _note_times(loading, table, given, reading)
    return _settle(loading, table, keyed)


def _stage(loading: Loading, table: Table, progress: Callable[[float], None]) -> dict[str, str]:
    """Create the table `staged`, the rows of the SELECT with their number; return column -> DuckDB type."""
    connection = loading.connection
    connection.execute("USE memory.source")
    sql = f"CREATE TABLE main.staged AS SELECT *, row_number() OVER () AS {ROW} FROM (\n{loading.select(table)}\n)"
    run_watched(connection, sql, loading.settings.place_of(table.name), progress, lines_before=1)
    connection.execute("USE memory.main")
    described = rows(connection, "SELECT lower(column_name) AS name, column_type FROM (DESCRIBE staged)", table.name)
    given = {str(row["name"]): str(row["column_type"]) for row in described if row["name"] != ROW}
    return _with_own_names(connection, table, given)


def _with_own_names(connection: Connection, table: Table, given: dict[str, str]) -> dict[str, str]:
    """Give columns of `staged` that have the other name of a column of the contract its own name."""
    other = {column.also: column.name for column in table.columns if column.also and column.name not in given}
    for also, name in other.items():
        if also in given:
            run(connection, f"ALTER TABLE staged RENAME COLUMN {quoted(also)} TO {quoted(name)}", table.name)
    return {other.get(name, name): kind for name, kind in given.items()}


def _reading(loading: Loading, table: Table, given: dict[str, str]) -> Reading:
    data = loading.settings.data
    reading = Reading(
        latest=loading.latest,
        missing=data.missing,
        inclusive_ends=table.name in data.inclusive_ends,
        has_users=loading.gives("users"),
    )
    if table.name == "scores" and "score" in given:
        words = words_of_scores(loading.connection, loading.settings.scores, reading.text("score", given["score"]))
        return replace(reading, score_words=words)
    found = _rated_0_or_1(loading.connection, table, given, reading)
    if not found:
        return reading
    loading.notes.append(
        f"{table.name}: all {found:,} ratings are 0 or 1 and state no scale: read as bad (0) and good (1)."
    )
    return replace(reading, rated_0_or_1=True)


def _rated_0_or_1(connection: Connection, table: Table, given: dict[str, str], reading: Reading) -> int:
    """Return how many ratings there are, if all are 0 or 1, state no scale and are enough to tell; else 0."""
    for (of, rating), scale in RATINGS.items():
        has_kind = of != "surveys" or "kind" in given  # without it the contract refuses the table
        if of == table.name and rating in given and scale not in given and has_kind:
            kind = "WHERE lower(trim(CAST(kind AS VARCHAR))) = 'csat'" if of == "surveys" else ""
            value = f"TRY_CAST({reading.text(quoted(rating), given[rating])} AS DOUBLE)"
            ratings = f"SELECT {value} AS v FROM staged {kind}"
            sql = f"SELECT count(v) AS n, min(v) >= 0 AND max(v) <= 1 AS is_so FROM ({ratings})"
            [row] = rows(connection, sql, table.name)
            return int(str(row["n"])) if row["is_so"] and int(str(row["n"])) >= FEW_RATINGS else 0
    return 0


# --- columns that are read wrongly as a whole --------------------------------------------------


def _refuse_rounded_ids(loading: Loading, table: Table, given: dict[str, str]) -> None:
    """Raise ContractError where an id looks like a number that a spreadsheet rounded, such as 1.23457E+15."""
    for column in table.given_columns:
        if column.is_id and given.get(column.name) in ("VARCHAR", "DOUBLE", "FLOAT", "JSON"):
            text = f"CAST({quoted(column.name)} AS VARCHAR)"
            found = rows(
                loading.connection,
                f"SELECT {text} AS id, count(*) AS n, min(CAST(to_json(s) AS VARCHAR)) AS one, "
                f"max(CAST(to_json(s) AS VARCHAR)) AS other FROM (SELECT * EXCLUDE ({ROW}) FROM staged) AS s "
                f"WHERE {text} LIKE '%+%' AND regexp_full_match({text}, {literal(ROUNDED)}) "
                f"GROUP BY {text} ORDER BY n DESC, id LIMIT 1",
                table.name,
            )
            if found:
                row = found[0]
                raise ContractError(
                    f"{table.name}: {column.name} {row['id']} looks like a number that a spreadsheet rounded; "
                    f"{row['n']} rows have it, such as {row['one']} and {row['other']}. Export the column as text."
                )


def _name_ambiguous_numbers(loading: Loading, table: Table, given: dict[str, str]) -> None:
    """Note a column of texts whose numbers with a dot or comma all have exactly three digits behind it."""
    for column in table.given_columns:
        if column.type == "number" and given.get(column.name) == "VARCHAR":
            name = quoted(column.name)
            parted = f"contains({name}, '.') OR contains({name}, ',')"
            [row] = rows(
                loading.connection,
                f"SELECT count(*) AS n, count_if(regexp_full_match({name}, {literal(THOUSANDS)})) AS ambiguous, "
                f"min({name}) AS example FROM staged WHERE {parted}",
                table.name,
            )
            if row["n"] and row["n"] == row["ambiguous"]:
                text = (
                    f"{table.name}: every number of {column.name} with a dot or comma has exactly three digits behind "
                    f"it ({row['n']:,}, such as {row['example']}): thousands or decimals? Say which in the SELECT: "
                    f"CAST(replace({column.name}, '.', '') AS DOUBLE) or CAST({column.name} AS DOUBLE)."
                )
                (loading.refusals if column.is_money else loading.notes).append(text)


def _note_times(loading: Loading, table: Table, given: dict[str, str], reading: Reading) -> None:
    """Note times that count as missing because they are too early, and rows from before their account was created."""
    for name, sql in spared_times(table, given, reading).items():
        if early := _count(loading.connection, sql):
            loading.notes.append(f"{table.name}: {name} is too early in {counted(early, 'row')}: it counts as missing.")
    if table.of_account is None or table.name == "accounts":
        return
    before = _count(
        loading.connection,
        f"SELECT count(*) AS n FROM judged AS j JOIN known_accounts AS a ON a.account_id = j.{table.of_account} "
        f"WHERE j.{REASON} IS NULL AND j.{table.happened_at} < date_trunc('day', a.created_at)",
    )
    if before:
        loading.notes.append(
            f"{table.name}: {counted(before, 'row')} from before the account was created; they are kept. If accounts "
            "are entered late, give the earliest of their days as created_at."
        )


# --- ids that another table spells in another way ------------------------------------------------


def _name_twins(connection: Connection, table: Table) -> None:
    """Say so in the reason of rows whose account or user exists in another spelling, such as 7.0 for 7."""
    if table.of_account is not None and table.name != "accounts":
        _name_twin(connection, table, UNKNOWN_ACCOUNT, table.of_account, "known_accounts", "account_id")
    if table.name == "events" and _count(connection, _TABLE_EXISTS):
        _name_twin(connection, table, VISITOR, "user_id", "memberships", "user_id")


def _name_twin(connection: Connection, table: Table, reason: str, name: str, other: str, other_name: str) -> None:
    ids = f"SELECT DISTINCT {name} AS id FROM judged WHERE {REASON} = {literal(reason)} AND {name} IS NOT NULL"
    twins = (
        f"SELECT i.id, min(o.{other_name}) AS twin FROM ({ids}) AS i "
        f"JOIN (SELECT DISTINCT {other_name} FROM {other}) AS o "
        f"ON {plain_id('i.id')} = {plain_id(f'o.{other_name}')} AND i.id <> o.{other_name} GROUP BY i.id"
    )
    run(connection, f"CREATE OR REPLACE TEMP TABLE twins AS {twins}", table.name)
    found = rows(connection, "SELECT id, twin FROM twins ORDER BY id LIMIT 1", table.name)
    if found:
        where = "accounts" if other == "known_accounts" else "users"
        text = f"{name} is spelled differently in {where}, such as {found[0]['id']} here and {found[0]['twin']} there"
        run(connection, f"UPDATE judged SET {REASON} = {literal(text)} WHERE {REASON} = {literal(reason)} "
                        f"AND {name} IN (SELECT id FROM twins)", table.name)  # fmt: skip


def plain_id(name: str) -> str:
    """Return an id in lower case, without zeros in front of it and without a fraction of zeros behind."""
    return rf"ltrim(lower(regexp_replace({name}, '\.0+$', '')), '0')"


_TABLE_EXISTS = "SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'memberships'"


# --- repeated rows -----------------------------------------------------------------------------------


def _settle(loading: Loading, table: Table, keyed: bool) -> bool:
    """Settle rows that share a key; of rows without a key, count those once that overlapping files both hold.

    Returns whether the rows are still in the order of the source.
    """
    if keyed:
        settled = settle_repeats(loading.connection, table, lambda: _number_files(loading, table))
        if settled.clash:
            _name_clash(loading, table, settled.clash)
        return not settled.is_moved
    if not table.invents_key:
        return True
    same = identical_rows(loading.connection, table)
    is_numbered = same > 0 and loading.reads_several_files(table) and _number_files(loading, table)
    if is_numbered:
        mark_overlap(loading.connection, table)
        same = identical_rows(loading.connection, table)
    if same:
        loading.notes.append(
            f"{table.name}: {counted(same, 'row')} equal to another one in every column. Without {table.key[0]} all of "
            "them count; give it if a row may come twice."
        )
    return not is_numbered


def _name_clash(loading: Loading, table: Table, clash: Clash) -> None:
    total = _count(loading.connection, "SELECT count(*) AS n FROM judged")
    key = table.key[0]
    text = (
        f"{table.name}: {clash.rows:,} rows share their key ({', '.join(table.key)}) with another one and differ in "
        f"{', '.join(clash.columns)}, such as {clash.examples[0]} and {clash.examples[1]}. If they are different "
        f"things, put what tells them apart into the key in the SELECT, such as `{key} || '-' || source AS {key}`; if "
        "one is the newer state of the other, give recorded_at."
    )
    (loading.refusals if clash.rows > FEW_CLASHES * total else loading.cautions).append(text)


def _number_files(loading: Loading, table: Table) -> bool:
    """Add the column FILE_NUMBER to `judged`, where the SELECT of several files is plain enough; return whether."""
    if not loading.reads_several_files(table):
        return False
    connection = loading.connection
    numbered = with_file_number(connection, loading.select(table))
    if numbered is None:
        return False
    numbers = f"SELECT {FILE_NUMBER}, row_number() OVER () AS {ROW} FROM (\n{numbered}\n)"
    try:
        connection.execute("USE memory.numbered")
        run(connection, f"CREATE OR REPLACE TEMP TABLE file_numbers AS {numbers}", f"table {table.name}")
    except DataError:  # the column is ambiguous or out of reach: not a plain selection
        return False
    finally:
        connection.execute("USE memory.main")
    if _count(connection, "SELECT count(*) AS n FROM file_numbers") != _count(
        connection, "SELECT count(*) AS n FROM staged"
    ):
        return False
    for name in ("judged", "repeated", "states"):
        if _count(connection, f"SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = '{name}'"):
            run(connection, f"CREATE OR REPLACE TEMP TABLE with_number AS SELECT t.*, f.{FILE_NUMBER} FROM {name} AS t "
                            f"JOIN file_numbers AS f USING ({ROW})", table.name)  # fmt: skip
            kind = "TABLE" if name == "judged" else "TEMP TABLE"
            run(connection, f"CREATE OR REPLACE {kind} {name} AS FROM with_number", table.name)
    return True


# --- keeping and quarantining ------------------------------------------------------------------------


def keep_rows(
    loading: Loading, table: Table, folder: Path, in_order: bool, earlier: Earlier | None = None
) -> TableReport:
    """Create the table of the kept rows, write the others to quarantine, and drop `staged` and `judged`.

    `in_order`: the rows of `judged` are in the order of the source, in which they are kept. `earlier`: of rows that
    were not read again; their quarantined ones are written too, and the report is of all.
    """
    connection = loading.connection
    own = [name for name in (REASON, ROW, FILE_NUMBER) if _has_column(connection, name)]
    if table.name == "events" and _count(
        connection, f"SELECT count(*) AS n FROM judged WHERE {REASON} = {literal(VISITOR)}"
    ):
        visitors = f"SELECT * EXCLUDE ({', '.join(own)}, account_id) FROM judged WHERE {REASON} = {literal(VISITOR)}"
        run(connection, f"CREATE TABLE IF NOT EXISTS visitors AS {visitors} AND false", table.name)
        run(connection, f"INSERT INTO visitors BY NAME {visitors}", table.name)
    report = _quarantine(loading, table, folder, earlier)
    connection.execute("DROP TABLE staged")
    if in_order:  # a copy would take as much memory again
        dropped = "; ".join(f"ALTER TABLE judged DROP COLUMN {name}" for name in own)
        run(connection, f"DELETE FROM judged WHERE {REASON} IS NOT NULL; {dropped}", table.name)
        run(connection, f"ALTER TABLE judged RENAME TO {table.name}", table.name)
    else:
        run(connection, f"CREATE TABLE {table.name} AS SELECT * EXCLUDE ({', '.join(own)}) FROM judged "
                        f"WHERE {REASON} IS NULL ORDER BY {ROW}; DROP TABLE judged", table.name)  # fmt: skip
    return report


def write_rows(connection: Connection, name: str, folder: Path) -> None:
    """Write the kept rows of a table as one Parquet file."""
    run(connection, f"COPY {name} TO {literal(str(folder / f'{name}.parquet'))} (FORMAT parquet)", name)


def _quarantine(loading: Loading, table: Table, folder: Path, earlier: Earlier | None) -> TableReport:
    connection = loading.connection
    path = folder / "quarantine" / f"{table.name}.parquet"
    account = "j.account_id" if table.of_account else "CAST(NULL AS VARCHAR)"
    before = f"FROM read_parquet({path_literal(earlier.quarantine)}) UNION ALL BY NAME " if earlier else ""
    run(
        connection,
        f"CREATE OR REPLACE TEMP TABLE refused AS {before}(SELECT j.{REASON} AS reason, {account} AS account_id, "
        f"CAST(json_merge_patch(to_json(s), '{{\"{ROW}\": null}}') AS VARCHAR) AS row_as_given FROM judged AS j "
        f"JOIN staged AS s USING ({ROW}) WHERE j.{REASON} IS NOT NULL ORDER BY {ROW})",
        table.name,
    )
    run(connection, f"COPY refused TO {literal(str(path))} (FORMAT parquet)", table.name)
    by_reason = rows(
        connection,
        "SELECT reason, count(*) AS n, min(row_as_given) AS example FROM refused "
        "GROUP BY reason ORDER BY n DESC, reason",
        table.name,
    )
    reasons = tuple(QuarantineReason(str(r["reason"]), int(str(r["n"])), str(r["example"])) for r in by_reason)
    read = _count(connection, "SELECT count(*) AS n FROM staged")
    kept = _count(connection, f"SELECT count(*) AS n FROM judged WHERE {REASON} IS NULL")
    if earlier:
        read, kept = read + earlier.report.read, kept + earlier.report.kept
    return TableReport(table.name, read, kept, reasons, **_worth(loading, table))


def _worth(loading: Loading, table: Table) -> dict[str, Any]:
    """Return the accounts named in refused rows, and the MRR of refused and kept subscriptions that still run."""
    if table.of_account is None:
        return {}
    faultless = ", ".join(literal(reason) for reason in NOT_REFUSED)
    named = f"SELECT count(DISTINCT account_id) AS n FROM refused WHERE reason NOT IN ({faultless})"
    found: dict[str, Any] = {"refused_accounts": _count(loading.connection, named)}
    if table.name == "subscriptions":
        now = f"TIMESTAMP '{loading.latest:%Y-%m-%d}'"
        runs = f"mrr > 0 AND coalesce(ended_at >= {now}, true) AND superseded_at IS NULL"
        is_refused = f"{REASON} IS NOT NULL AND {REASON} NOT IN ({faultless})"
        [row] = rows(
            loading.connection,
            f"SELECT coalesce(sum(mrr) FILTER (WHERE {runs} AND {is_refused}), 0) AS refused_mrr, "
            f"coalesce(sum(mrr) FILTER (WHERE {runs} AND {REASON} IS NULL), 0) AS kept_mrr FROM judged",
            table.name,
        )
        found |= {name: float(str(value)) for name, value in row.items()}
    return found


def _has_column(connection: Connection, name: str) -> bool:
    sql = f"SELECT count(*) AS n FROM (DESCRIBE judged) WHERE column_name = {literal(name)}"
    return _count(connection, sql) > 0


def _count(connection: Connection, sql: str) -> int:
    [row] = rows(connection, sql, "count")
    return int(str(row["n"]))
