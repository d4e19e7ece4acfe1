"""The one door to DuckDB: opening it with limits, and saying its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from features.errors import DataError, SettingsError, SourceError
from features.settings import Engine

Connection = duckdb.DuckDBPyConnection


@contextmanager
def open_duckdb(limits: Engine, spill: Path) -> Iterator[Connection]:
    """Yield an in-memory DuckDB in UTC that spills to `spill` within its limits.

    Raises SettingsError where a limit is no size.
    """
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    try:
        _set_limits(connection, limits, spill)
        yield connection
    finally:
        connection.close()


def _set_limits(connection: Connection, limits: Engine, spill: Path) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET threads = {limits.threads}")
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    try:
        connection.execute(f"SET memory_limit = {literal(limits.memory_limit)}")
        connection.execute(f"SET max_temp_directory_size = {literal(limits.temp_limit)}")
    except duckdb.Error as error:
        raise SettingsError(
            f"[engine] memory_limit and temp_limit are sizes such as '2GB'; came '{limits.memory_limit}' and "
            f"'{limits.temp_limit}'."
        ) from error


def run(connection: Connection, sql: str, asked_by: str) -> Connection:
    """Execute SQL; a failure is said as a DataError that names who asked.

    Raises SourceError where a file cannot be read, DataError for anything else.
    """
    try:
        return connection.execute(sql)
    except duckdb.IOException as error:
        raise SourceError(f"{asked_by}: {_first_lines(error)}") from error
    except duckdb.Error as error:
        raise DataError(f"{asked_by}: {_first_lines(error)}") from error


def rows(connection: Connection, sql: str, asked_by: str) -> list[dict[str, object]]:
    """Execute SQL and return its rows as dictionaries; for small answers only."""
    answer = run(connection, sql, asked_by)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def arrow(connection: Connection, sql: str, asked_by: str) -> pa.Table:
    """Execute SQL and return its answer as an Arrow table."""
    try:
        answer: pa.Table = connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise DataError(f"{asked_by}: {_first_lines(error)}") from error
    return answer


def quoted(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text literal in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def _first_lines(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith("LINE ") and set(line.strip()) != {"^"}]
    return " ".join(kept[:3])
