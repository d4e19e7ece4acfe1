"""The doors to DuckDB and, through `undertow.features.engines.spark`, to Spark: what a job may ask of either.

DuckDB is embedded and the default; it also reads the sources and holds the contract. What is built from
the nine tables (population, features, outcomes) asks only what `Database` says, so that it runs on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from undertow.features.errors import DataError, SettingsError, SourceError, first_lines
from undertow.features.settings import Engine

Connection = duckdb.DuckDBPyConnection


class InDuckDB:
    """A `Database` in this process."""

    dialect = "duckdb"
    takes_small_queries = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def open_table(self, name: str, files: Sequence[Path]) -> None:
        """Let a name stand for the rows of some Parquet files."""
        paths = ", ".join(literal(str(path)) for path in files)
        sql = f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false)"
        run(self.connection, f"CREATE OR REPLACE VIEW {quoted(name)} AS {sql}", name)

    def register(self, name: str, table: pa.Table) -> None:
        """Let a name stand for a small table in memory."""
        self.connection.register(name, table)

    def create_view(self, name: str, sql: str, asked_by: str) -> None:
        """Let a name stand for a query, which is run where it is used."""
        run(self.connection, f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {sql}", asked_by)

    def create_table(self, name: str, sql: str, asked_by: str) -> None:
        """Run a query once and let a name stand for its answer."""
        run(self.connection, f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {sql}", asked_by)

    def arrow(self, sql: str, asked_by: str) -> pa.Table:
        """Run a query and return its answer."""
        return arrow(self.connection, sql, asked_by)

    def write(self, sql: str, folder: Path, asked_by: str) -> None:
        """Write the answer as Parquet to `folder`/as_of=<day>/."""
        by_day = f"SELECT * REPLACE (strftime(as_of, '%Y-%m-%d') AS as_of) FROM ({sql})"
        target = f"{literal(str(folder))} (FORMAT parquet, PARTITION_BY (as_of))"
        run(self.connection, f"COPY ({by_day}) TO {target}", asked_by)


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
        raise SourceError(f"{asked_by}: {first_lines(error)}") from error
    except duckdb.OutOfMemoryException as error:
        raise DataError(
            f"{asked_by}: DuckDB came to its limit. Raise [engine] memory_limit or temp_limit, or free disk space. "
            f"({first_lines(error)})"
        ) from error
    except duckdb.Error as error:
        raise DataError(f"{asked_by}: {first_lines(error)}") from error


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
        raise DataError(f"{asked_by}: {first_lines(error)}") from error
    return answer


def quoted(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text literal in single quotes."""
    return "'" + text.replace("'", "''") + "'"
