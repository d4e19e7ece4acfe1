"""Reads a file of feature rows, and checks each row: kept, or quarantined with a reason, as rows of tables are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from undertow.features.catalogue.given import IDS, OUTCOMES
from undertow.features.engines.duckdb import Connection, literal, quoted, rows, run
from undertow.features.errors import ContractError, SourceError, did_you_mean
from undertow.features.sources.files.read import CSV, JSON, PARQUET, read_source
from undertow.features.sources.loaded import NOT_REFUSED, BrokenLines, QuarantineReason, TableReport
from undertow.features.sources.rows.casting import NUMERIC, Reading, plain_cast, readable
from undertow.features.sources.rows.contract import EARLIEST, PROBLEM, REASON, ROW
from undertow.features.sources.rows.repeats import REPEATED
from undertow.features.tables import Table, TableColumn

NAME = "examples"
CAUSES = ("voluntary", "involuntary")
TEXTS = ("VARCHAR", "JSON", "ENUM")  # DuckDB types; those of NUMERIC and BOOLEAN are numbers
DIFFER = "another row has its account_id and as_of, and other values (which one holds is not known)"
NOT_BELOW = (
    "churn_days is not below followed_days (which counts every day on record after as_of, those after the churn too)"
)


@dataclass(frozen=True)
class FileColumns:
    """The columns of a file, in its order; `kinds`: name in lower case -> DuckDB type."""

    file: Path
    kinds: Mapping[str, str]

    def is_text(self, name: str) -> bool:
        """Return whether a column is stored as text: it may hold numbers all the same."""
        return self.kinds[name].partition("(")[0] in TEXTS

    def is_number(self, name: str) -> bool:
        """Return whether a column is stored as a number or as true and false."""
        return self.kinds[name].partition("(")[0] in (*NUMERIC, "BOOLEAN", '"NULL"') and self.kinds[name][-1] != "]"


def stage(connection: Connection, file: Path, spill: Path) -> FileColumns:
    """Create the table `staged`, the rows of a file with their number, and return its columns.

    Raises SourceError where the file is missing, empty or of an unknown format.
    """
    if not file.is_file() or file.stat().st_size == 0:
        state = "is empty (0 bytes)" if file.is_file() else "is no file"
        raise SourceError(f"--examples {file} {state}. Name a Parquet or CSV file of feature rows.")
    if not str(file).lower().endswith((*CSV, *PARQUET, *JSON)):
        raise SourceError(f"--examples {file}: unknown file format; expected .parquet, .csv or .csv.gz.")
    try:
        source = read_source(connection, NAME, [file], spill, is_careful=True)
    except SourceError as error:
        raise SourceError(str(error).replace(f"[files] {NAME}", "--examples")) from error
    sql = f"CREATE TABLE staged AS SELECT *, row_number() OVER () AS {ROW} FROM ({source.select()})"
    run(connection, sql, f"--examples {file}")
    described = rows(connection, "SELECT column_name AS name, column_type AS kind FROM (DESCRIBE staged)", NAME)
    return FileColumns(file, {str(row["name"]).lower(): str(row["kind"]) for row in described if row["name"] != ROW})


def refuse_missing(columns: FileColumns, needs_outcomes: bool, ignored: frozenset[str]) -> None:
    """Raise ContractError where a needed column is absent, or where outcomes are stated in two ways."""
    given = [name for name in columns.kinds if name not in ignored]
    needed = list(IDS)
    if needs_outcomes and "churned" not in given:
        needed += ["churn_days", "followed_days"]
    missing = [name for name in needed if name not in given]
    if missing:
        hints = "".join(did_you_mean(name, given) for name in missing)
        or_churned = " (or churned, true or false)" if "churn_days" in missing else ""
        raise ContractError(
            f"{columns.file} needs the column{'s' * (len(missing) > 1)} {', '.join(missing)}{or_churned}; got "
            f"{', '.join(given[:20])}{' and others' if len(given) > 20 else ''}.{hints}"
        )
    if needs_outcomes and "churned" in given and {"churn_days", "followed_days"} & set(given):
        raise ContractError(
            f"{columns.file} states outcomes twice, as churned and as churn_days or followed_days. Keep churn_days "
            'with followed_days, which give every horizon, and name the other under [examples] ignore = ["churned"].'
        )
    odd = [name for name in needed if name == "as_of" and not _may_be_time(columns.kinds[name])]
    if odd:
        raise ContractError(f"{columns.file}: as_of holds {columns.kinds['as_of']}; expected days such as 2025-03-01.")


def _may_be_time(kind: str) -> bool:
    return kind.startswith(("VARCHAR", "JSON", "DATE", "TIMESTAMP"))


def find_texts(
    connection: Connection, columns: FileColumns, names: list[str], stated: Mapping[str, bool], reading: Reading
) -> set[str]:
    """Return which feature columns hold texts: those stated to, and those stored as text of which most are no numbers.

    `stated`: column -> whether it holds texts, where that is known. Raises ContractError for columns of other types.
    """
    strange = [name for name in names if not (columns.is_text(name) or columns.is_number(name))]
    if strange:
        kinds = ", ".join(f"{name} ({columns.kinds[name]})" for name in strange)
        raise ContractError(
            f"{columns.file}: expected numbers, texts or true and false; got {kinds}. Turn times into days before "
            "as_of and lists into counts, or name them under [examples] ignore."
        )
    open_ones = [name for name in names if name not in stated and columns.is_text(name)]
    found = {name for name in names if stated.get(name)}
    if open_ones:
        counts = ", ".join(
            f"count({(text := reading.text(quoted(name), columns.kinds[name]))}) > "
            f"2 * count({_number_in(text)}) AS {quoted(name)}" for name in open_ones
        )  # fmt: skip
        [row] = rows(connection, f"SELECT {counts} FROM staged", NAME)
        found |= {name for name in open_ones if row[name]}
    return found


def judge(
    connection: Connection, columns: FileColumns, features: Mapping[str, bool], others: list[str], reading: Reading
) -> None:
    """Create the table `judged`: every row, cast, with REASON where it is not kept.

    `features`: column -> whether it holds texts. `others`: the fixed columns to be read; those of outcomes are checked
    where they are among them.
    """
    contract = _contract(features, others)
    casts = {column.name: _value(contract, column, columns, reading) for column in contract.columns}
    unreadable = " ".join(
        f"WHEN {_is_given(contract, column, columns, reading)} AND ({casts[column.name]}) IS NULL "
        f"THEN {literal(f'{column.name} is not {_expected(column)}')}"
        for column in contract.columns if column.type != "text"
    )  # fmt: skip
    whens = " ".join(
        f"WHEN {condition} THEN {literal(reason)}"
        for condition, reason in (*_ids_wrong(reading.latest), *_outcomes_wrong(others))
    )
    named = ", ".join(f"{value} AS {quoted(name)}" for name, value in casts.items())
    run(connection, f"""
        CREATE TABLE judged AS
        WITH cast_rows AS (SELECT {ROW}, {named}, CASE {unreadable} END AS {PROBLEM} FROM staged),
        checked AS (
            SELECT * EXCLUDE ({PROBLEM}), coalesce({PROBLEM}, CASE {whens} END) AS {REASON},
                   hash({", ".join(quoted(name) for name in casts)}) AS content
            FROM cast_rows
        ),
        compared AS (
            SELECT *, min(content) OVER same <> max(content) OVER same AS differ,
                   row_number() OVER (PARTITION BY account_id, as_of, {REASON} IS NULL ORDER BY {ROW}) AS nth
            FROM checked WINDOW same AS (PARTITION BY account_id, as_of, {REASON} IS NULL)
        )
        SELECT * EXCLUDE (content, differ, nth) REPLACE (
            coalesce({REASON}, CASE WHEN differ THEN {literal(DIFFER)} WHEN nth > 1 THEN {literal(REPEATED)} END)
            AS {REASON})
        FROM compared ORDER BY {ROW}""", NAME)  # fmt: skip


def _contract(features: Mapping[str, bool], others: list[str]) -> Table:
    """Return the data contract of the columns that are read, the fixed ones first."""
    kinds = {"as_of": "time", "churn_days": "number", "followed_days": "number", "churned": "flag"}
    fixed = [TableColumn(name, kinds.get(name, "text"), is_id=name == "account_id", is_word=name == "cause")
             for name in others]  # fmt: skip
    own = [TableColumn(name, "text" if is_text else "number", is_id=is_text) for name, is_text in features.items()]
    return Table(NAME, "one account at one as_of", IDS, "as_of", (*fixed, *own))


def _value(contract: Table, column: TableColumn, columns: FileColumns, reading: Reading) -> str:
    """Return a value as it is kept: cast, a word in lower case, true and false in a column of numbers as 1 and 0."""
    value = plain_cast(contract, column, dict(columns.kinds), reading)
    if column.is_word:
        return f"lower({value})"
    if column.type == "number" and columns.is_text(column.name):
        number = _number_in(reading.text(quoted(column.name), columns.kinds[column.name]))
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    return value


def _number_in(text: str) -> str:
    return (f"CASE lower({text}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 "
            f"ELSE TRY_CAST({text} AS DOUBLE) END")  # fmt: skip


def _is_given(contract: Table, column: TableColumn, columns: FileColumns, reading: Reading) -> str:
    """Return whether a row of `staged` states a value; not a number (NaN) stands for none."""
    kind = columns.kinds[column.name]
    if kind in ("FLOAT", "DOUBLE"):
        return f"{quoted(column.name)} IS NOT NULL AND NOT isnan({quoted(column.name)})"
    return f"({readable(contract, column, kind, reading)}) IS NOT NULL"


def _expected(column: TableColumn) -> str:
    if column.type == "number":
        return 'a number (of texts, say so: units = "text")' if column.name not in OUTCOMES else "a number of days"
    return {"time": "a day", "flag": "true or false"}[column.type]


def _ids_wrong(latest: datetime) -> list[tuple[str, str]]:
    limit = f"TIMESTAMP '{latest:%Y-%m-%d %H:%M:%S}'"
    return [
        ("account_id IS NULL", "account_id is missing"),
        ("as_of IS NULL", "as_of is missing"),
        ("as_of <> date_trunc('day', as_of)", "as_of has a time of day (expected a day, midnight UTC)"),
        (f"as_of < TIMESTAMP '{EARLIEST}'", "as_of is before 1980 (a missing day written as zero?)"),
        (f"as_of > {limit}", "as_of is in the future"),
    ]


def _outcomes_wrong(others: list[str]) -> list[tuple[str, str]]:
    """Return what may be wrong with outcomes, as far as their columns are read."""
    wrong = []
    if "followed_days" in others:
        wrong += [
            ("followed_days IS NULL", "followed_days is missing"),
            ("followed_days < 0", "followed_days is below 0"),
            ("churn_days < 0", "churn_days is below 0 (it churned before as_of: no row belongs there)"),
            ("churn_days >= followed_days", NOT_BELOW),
        ]
    if "cause" in others:
        listed = ", ".join(literal(cause) for cause in CAUSES)
        wrong.append((f"cause NOT IN ({listed})", f"cause is not {' or '.join(CAUSES)}"))
    return wrong


# --- what was refused ------------------------------------------------------------------------------


def report_of(connection: Connection, columns: FileColumns) -> TableReport:
    """Return how many rows were read and kept, and why the others were not."""
    found = rows(connection, f"SELECT {REASON} AS reason, count(*) AS n, min({ROW}) AS first FROM judged "
                             "GROUP BY ALL ORDER BY n DESC, reason", NAME)  # fmt: skip
    reasons = tuple(
        QuarantineReason(str(row["reason"]), int(str(row["n"])),
                         _example(connection, columns, str(row["reason"]), int(str(row["first"]))))
        for row in found if row["reason"] is not None
    )  # fmt: skip
    no_fault = ", ".join(literal(reason) for reason in NOT_REFUSED)
    [accounts] = rows(connection, "SELECT count(DISTINCT account_id) AS n FROM judged "
                                  f"WHERE {REASON} NOT IN ({no_fault})", NAME)  # fmt: skip
    read = sum(int(str(row["n"])) for row in found)
    return TableReport(NAME, read, read - sum(reason.rows for reason in reasons), reasons, int(str(accounts["n"])))


def _example(connection: Connection, columns: FileColumns, reason: str, row: int) -> str:
    """Return the first row with a reason as JSON: whose it is, and the value that the reason is about."""
    about = reason.partition(" ")[0]
    shown = [*(name for name in (*IDS, *OUTCOMES) if name in columns.kinds)]
    shown += [about] if about in columns.kinds and about not in shown else []
    picked = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in shown)
    sql = f"SELECT to_json(struct_pack({picked})) AS example FROM staged WHERE {ROW} = {row}"
    [found] = rows(connection, sql, NAME)
    return str(found["example"])


def broken_lines(connection: Connection, file: Path, read: int) -> tuple[BrokenLines, ...]:
    """Return the lines of a CSV file that could not be read, beside `read` rows that could."""
    [there] = rows(connection, "SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'reject_errors'", NAME)
    if not there["n"]:
        return ()
    [found] = rows(connection, "SELECT count(DISTINCT line) AS n, min_by(csv_line, line) AS example "
                               "FROM reject_errors", NAME)  # fmt: skip
    lines = int(str(found["n"]))
    return (BrokenLines(file.name, lines, read, str(found["example"])),) if lines else ()
