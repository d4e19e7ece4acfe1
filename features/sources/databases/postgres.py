"""PostgreSQL as a source, through ADBC: rows arrive as Arrow batches over COPY and are never held all at once.

Everything is read in one transaction, REPEATABLE READ READ ONLY. Each SELECT is wrapped in one that brings its columns
into a form that can be kept: `infinity` becomes null, numbers of any precision and types without a counterpart become
text. The address comes from the environment; no message quotes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from undertow.features.engines.duckdb import Connection, literal, path_literal, quoted, rows
from undertow.features.errors import SourceError, did_you_mean
from undertow.features.settings.databases import DatabaseSource
from undertow.features.sources.databases.addresses import LOGIN, login_of, without_secrets
from undertow.features.sources.databases.entry import Column, Described, Entry, Mark, OutOfReach

CONNECT_SECONDS = "10"
TIMES = {"timestamptz": "TIMESTAMPTZ", "timestamp": "TIMESTAMP", "date": "TIMESTAMP"}  # type -> that of its marks
NUMBERS = ("int2", "int4", "int8")
AS_GIVEN = ("bool", *NUMBERS, "float4", "float8", "text", "varchar", "bpchar", "name", "uuid", "json", "jsonb", "bytea",
            "time", "_text", "_varchar", "_bool", "_int2", "_int4", "_int8", "_float8", "_uuid")  # fmt: skip
AWAY = ("08", "53", "57P", "40001")  # SQLSTATEs: connection lost, too many, shutting down, conflict with recovery

ADVICE = {
    "42P01": "Correct the name of the table, or its schema.",
    "3F000": "Correct the name of the schema.",
    "42703": "Correct the name of the column.",
    "42501": "Grant SELECT on it to the user of the address, who needs no other right.",
    "42601": "Correct the SELECT, which is in PostgreSQL's SQL.",
    "57014": "Raise timeout_seconds of the source, or read less: columns, a WHERE, since.",
}
_DESCRIBE = """
SELECT current_setting('server_version') AS version, pg_current_snapshot()::text AS state,
       current_database() || ' as ' || current_user AS identity, now()::text AS clock"""


class InPostgres:
    """A PostgreSQL connection in one transaction that only reads."""

    def __init__(self, name: str, source: DatabaseSource, host: str, connection: Any) -> None:
        self._source, self._connection = source, connection
        with self._explained(f"[sources] {name}"):
            self._run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._run("SET application_name = 'undertow'")
            self._run(f"SET statement_timeout = {source.timeout_seconds * 1000}")
            self._run("SET TimeZone = 'UTC'")
            self._run("SET DateStyle = 'ISO'")
            [found] = self._table(_DESCRIBE).to_pylist()
        self.described = Described(str(found["version"]), f"{host}: {found['identity']}", str(found["state"]))
        self._clock = str(found["clock"])

    def columns(self, entry: Entry) -> tuple[Column, ...]:
        """Return the columns of an entry. Raises SourceError where PostgreSQL refuses it, without running it."""
        with self._explained(entry.where), closing(self._connection.cursor()) as cursor:
            schema = cursor.adbc_execute_schema(f"SELECT * FROM (\n{entry.sql}\n) AS q")
        columns = tuple(_column(field) for field in schema)
        _refuse_repeated(entry, [column.name for column in columns])
        if entry.since:
            _refuse_since(entry, columns)
        return columns

    @contextmanager
    def rows(self, entry: Entry, columns: tuple[Column, ...], mark: Mark | None) -> Iterator[pa.RecordBatchReader]:
        """Give the rows of an entry in batches, as they arrive: all of them, or those from a mark on."""
        listed = ", ".join(f"{column.sql} AS {quoted(column.name)}" for column in columns)
        since = f"q.{quoted(entry.since)}"
        where = f"\nWHERE {since} >= {mark.literal} OR {since} IS NULL" if mark else ""
        with self._explained(entry.where), closing(self._connection.cursor()) as cursor:
            cursor.execute(f"SELECT {listed} FROM (\n{entry.sql}\n) AS q{where}")
            yield cursor.fetch_record_batch()

    def mark(
        self, entry: Entry, columns: tuple[Column, ...], connection: Connection, files: list[Path]
    ) -> Mark | None:
        """Return up to where the column `since` was read: its greatest value, of times less the overlap.

        A time in the future marks nothing: rows that are written from now on would be missed until then.
        """
        kind = next(column.type for column in columns if column.name == entry.since)
        name, listed = quoted(entry.since), ", ".join(path_literal(file) for file in files)
        value = f"max({name})"
        if kind in TIMES:
            clock = f"CAST(TIMESTAMPTZ {literal(self._clock)} AS {TIMES[kind]})"
            value = f"least(max({name}), {clock}) - INTERVAL {self._source.overlap_minutes} MINUTE"
        sql = f"SELECT CAST({value} AS VARCHAR) AS mark, max({name}) IS NULL AS is_empty FROM read_parquet([{listed}])"
        [row] = rows(connection, sql, entry.where)
        if row["is_empty"]:
            return None
        mark = f"{TIMES[kind]} {literal(str(row['mark']))}" if kind in TIMES else str(row["mark"])
        return Mark(mark, f"({name} >= {mark} OR {name} IS NULL)")

    def _run(self, sql: str) -> None:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)

    def _table(self, sql: str) -> pa.Table:
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    @contextmanager
    def _explained(self, where: str) -> Iterator[None]:
        """Turn PostgreSQL's errors into ours: OutOfReach where the connection is gone, else SourceError."""
        from adbc_driver_manager import Error

        try:
            yield
        except (Error, OSError, pa.ArrowException) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the disk, not of the database
                raise
            state = str(getattr(error, "sqlstate", None) or "")
            if state.startswith(AWAY) or not self._is_alive():
                raise OutOfReach(_message(error)) from error
            advice = ADVICE.get(state, ADVICE["57014"] if "statement timeout" in str(error) else "Correct the entry.")
            raise SourceError(f"{where}: PostgreSQL refused it: {_message(error)}. {advice}") from error

    def _is_alive(self) -> bool:
        """Return whether the connection still answers; what failed ends its transaction."""
        from adbc_driver_manager import Error

        with suppress(Error, OSError, pa.ArrowException):
            self._connection.rollback()
            self._table("SELECT 1 AS one")
            return True
        return False


@contextmanager
def open_postgres(name: str, source: DatabaseSource) -> Iterator[InPostgres]:
    """Give a connection to the database of a source, in one transaction. Raises OutOfReach where there is none."""
    address = _address(name, source)
    connection = _connect(address)
    try:
        yield InPostgres(name, source, login_of(address)["host"] or "here", connection)
    finally:
        with suppress(Exception):  # the connection may be lost, and nothing was written
            connection.rollback()
        connection.close()


def _address(name: str, source: DatabaseSource) -> str:
    """Return the address in the environment, with a limit on the time that connecting may take."""
    address = os.environ.get(source.uri_env, "").strip()
    if not address:
        raise OutOfReach(f"the environment variable {source.uri_env} is not set")
    found = LOGIN.match(address)
    if not found:
        raise SourceError(
            f"[sources] {name}: {source.uri_env} must hold an address such as postgresql://user:password@host/database."
        )
    if "connect_timeout=" in address:
        return address
    return f"{address}{'&' if '?' in address[found.end():] else '?'}connect_timeout={CONNECT_SECONDS}"


def _connect(address: str) -> Any:
    try:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise OutOfReach("its driver is not installed: pip install 'undertow[postgres]'") from error
    try:
        return dbapi.connect(address)
    except Error as error:
        raise OutOfReach(without_secrets(_message(error), address)) from None  # whose text may quote the address


def _message(error: Exception) -> str:
    """Return PostgreSQL's own words: without the query, its place in it, and the driver's prefixes."""
    text = re.split(r"\n\nQuery was:|\nCONTEXT: ", str(error))[0]
    text = re.sub(r"(?m)^LINE \d+: .*\n\s*\^\s*$", "", text)
    _, found, after = text.partition("ERROR:")
    lines = [line.strip() for line in (after if found else text).splitlines() if line.strip()]
    said = [re.sub(r"^(?:HINT|DETAIL): +|^\w+: \[libpq\] ", "", line).rstrip(".") for line in lines]
    return ". ".join(said)


def _column(field: pa.Field) -> Column:
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    name = f"q.{quoted(field.name)}"
    if kind in TIMES:
        sql = f"CASE WHEN isfinite({name}) THEN {name} END"
    elif kind == "money":  # its text has the signs of the server's language
        sql = f"CAST(CAST({name} AS numeric) AS text)"
    else:
        sql = name if kind in AS_GIVEN else f"CAST({name} AS text)"
    return Column(field.name, kind, sql)


def _refuse_repeated(entry: Entry, names: list[str]) -> None:
    lower = [name.lower() for name in names]
    for name in lower:
        if lower.count(name) > 1:
            raise SourceError(f"{entry.where}: its SELECT gives the column {name} twice. Name one of them with AS.")


def _refuse_since(entry: Entry, columns: tuple[Column, ...]) -> None:
    names = [column.name for column in columns]
    if entry.since not in names:
        raise SourceError(
            f"{entry.where}: since = '{entry.since}' is no column of its rows ({', '.join(names)})."
            f"{did_you_mean(entry.since, names)} Name one of them, or leave since out."
        )
    kind = columns[names.index(entry.since)].type
    if kind not in (*TIMES, *NUMBERS):
        raise SourceError(f"{entry.where}: since = '{entry.since}' must be a time or a whole number; it is {kind}.")
