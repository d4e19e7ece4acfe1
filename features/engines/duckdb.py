"""The DuckDB engine: an in-process database within memory and disk limits, and functions that run SQL on it.

DuckDB is the default; it also reads the sources and checks the data contract. Queries over the input tables
(population, features, labels) use only the `Database` protocol, so that they run on Spark as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from threading import Event, Thread

import duckdb
import pyarrow as pa

from undertow.features.errors import DataError, SettingsError, SourceError, first_lines, with_place
from undertow.features.settings import Engine

Connection = duckdb.DuckDBPyConnection
WATCH_SECONDS = 0.2


class InDuckDB:
    """A `Database` on a DuckDB connection in this process."""

    dialect = "duckdb"
    takes_small_queries = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def memory(self) -> int:
        """Return the bytes of memory that queries may use."""
        return memory_limit(self.connection)

    def open_table(self, name: str, files: Sequence[Path], where: str = "true") -> None:
        """Create a view over Parquet files; `where`: SQL of the rows wanted."""
        paths = ", ".join(literal(str(path)) for path in files)
        sql = f"SELECT * FROM read_parquet([{paths}], hive_partitioning = false) WHERE {where}"
        run(self.connection, f"CREATE OR REPLACE VIEW {quoted(name)} AS {sql}", name)

    def register(self, name: str, table: pa.Table) -> None:
        """Register an Arrow table in memory under a name."""
        self.connection.register(name, table)

    def create_view(self, name: str, sql: str, context: str) -> None:
        """Create a view."""
        run(self.connection, f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {sql}", context)

    def create_table(self, name: str, sql: str, context: str) -> None:
        """Run a query once and store the result as a temporary table."""
        run(self.connection, f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS {sql}", context)

    def arrow(self, sql: str, context: str) -> pa.Table:
        """Run a query and return the result as an Arrow table."""
        return arrow(self.connection, sql, context)

    def write(self, sql: str, folder: Path, context: str) -> None:
        """Write the result of a query as Parquet to `folder`/as_of=<day>/."""
        by_day = f"SELECT * REPLACE (strftime(as_of, '%Y-%m-%d') AS as_of) FROM ({sql})"
        target = f"{literal(str(folder))} (FORMAT parquet, PARTITION_BY (as_of))"
        run(self.connection, f"COPY ({by_day}) TO {target}", context)


@contextmanager
def open_duckdb(limits: Engine, spill: Path) -> Iterator[Connection]:
    """Yield an in-memory DuckDB in UTC that spills to the folder `spill`, within its memory and disk limits.

    Raises SettingsError where a limit is not a size.
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
    _set_progress(connection, "enable_progress_bar_print = false")  # it would be printed into the output of --json
    connection.execute(f"SET threads = {limits.threads}")
    connection.execute(f"SET temp_directory = {literal(str(spill))}")
    try:
        connection.execute(f"SET memory_limit = {literal(limits.memory_limit)}")
        connection.execute(f"SET max_temp_directory_size = {literal(limits.temp_limit)}")
    except duckdb.Error as error:
        raise SettingsError(
            f"[engine] memory_limit and temp_limit must be sizes such as '2GB'; got '{limits.memory_limit}' and "
            f"'{limits.temp_limit}'."
        ) from error


def run(connection: Connection, sql: str, context: str, lines_before: int = 0) -> Connection:
    """Execute SQL and return the connection, which holds the result.

    Raises SourceError where a file cannot be read, DataError for any other failure; the message begins with `context`
    and shows the place in the query. `lines_before`: the lines of `sql` in front of the user's own, which do not count.
    """
    try:
        return connection.execute(sql)
    except duckdb.IOException as error:
        raise SourceError(f"{context}: {first_lines(error)}") from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise DataError(f"{context}: {with_place(error, lines_before)}") from error
    except duckdb.OutOfMemoryException as error:
        raise DataError(
            f"{context}: DuckDB ran out of memory or temporary disk space. Raise [engine] memory_limit or temp_limit, "
            f"or free disk space. ({first_lines(error)})"
        ) from error
    except duckdb.Error as error:
        raise DataError(f"{context}: {first_lines(error)}") from error


def run_watched(
    connection: Connection, sql: str, context: str, progress: Callable[[float], None], lines_before: int = 0
) -> None:
    """Execute SQL as `run` does, and report the share of its rows that were read, 0 to 1, while it runs."""
    done = Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            share = connection.query_progress() / 100
            if 0 < share < 1:
                progress(share)

    watcher = Thread(target=watch, daemon=True)
    _set_progress(connection, "enable_progress_bar = true")
    watcher.start()
    try:
        run(connection, sql, context, lines_before)
    finally:
        done.set()
        watcher.join()
        _set_progress(connection, "enable_progress_bar = false")
    progress(1.0)


def _set_progress(connection: Connection, setting: str) -> None:
    """Change a setting of DuckDB's progress bar; a notebook without ipywidgets has none to change."""
    with suppress(duckdb.InvalidInputException):
        connection.execute(f"SET {setting}")


def rows(connection: Connection, sql: str, context: str) -> list[dict[str, object]]:
    """Execute SQL and return its rows as dictionaries; for small results only."""
    result = run(connection, sql, context)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def arrow(connection: Connection, sql: str, context: str) -> pa.Table:
    """Execute SQL and return the result as an Arrow table. Raises DataError for any failure."""
    try:
        result: pa.Table = connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise DataError(f"{context}: {first_lines(error)}") from error
    return result


def memory_limit(connection: Connection) -> int:
    """Return the bytes of memory that queries may use."""
    [row] = rows(connection, "SELECT current_setting('memory_limit') AS limit", "memory_limit")
    return bytes_of(str(row["limit"]))


def bytes_of(size: str) -> int:
    """Return a size as DuckDB prints it, such as a memory limit, in bytes.

    >>> bytes_of("1.5 GiB") == 1.5 * 1024**3
    True
    """
    number, unit = size.split()
    return int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))


def quoted(name: str) -> str:
    """Return an SQL identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return an SQL text literal in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def path_literal(file: Path) -> str:
    """Return a path as an SQL literal, escaped: DuckDB would read brackets and stars in it as a glob pattern."""
    return literal(escape(str(file)))


def one_select(sql: str, context: str) -> str:
    """Return one SELECT without the semicolon and comments after it. Raises SettingsError for several statements.

    >>> one_select("SELECT * FROM users; -- the end", "[tables] users")
    'SELECT * FROM users'
    """
    tokens = [(place, kind) for place, kind in duckdb.tokenize(sql) if kind != duckdb.token_type.comment]
    ends = [place for place, kind in tokens if kind == duckdb.token_type.operator and sql[place] == ";"]
    if not ends:
        return sql
    if any(place > ends[0] and place not in ends for place, _ in tokens):
        raise SettingsError(
            f"{context}: expected one SELECT, got several statements. Keep the one that yields the rows."
        )
    return sql[: ends[0]]
