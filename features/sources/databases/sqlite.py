"""SQLite as a source: rows arrive in batches, every value as text, as those of a CSV do.

SQLite gives each value its own type, whatever its column is declared as; the contract casts them one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa

from undertow.features.engines.duckdb import Connection, literal, quoted
from undertow.features.errors import SourceError, did_you_mean
from undertow.features.settings.databases import DatabaseSource
from undertow.features.sources.databases.entry import Column, Described, Entry, Mark, OutOfReach

BATCH = 20_000  # rows


class InSqlite:
    """A connection to an SQLite file in one transaction that only reads."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self._connection = connection
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on nothing changes
        self.described = Described(sqlite3.sqlite_version, file.name)

    def columns(self, entry: Entry) -> tuple[Column, ...]:
        """Return the columns of an entry. Raises SourceError where its SELECT cannot be run."""
        with _explained(entry), closing(self._connection.execute(f"SELECT * FROM (\n{entry.sql}\n) LIMIT 0")) as found:
            names = [str(each[0]) for each in found.description]
        if entry.since and entry.since not in names:
            raise SourceError(
                f"{entry.where}: since = '{entry.since}' is no column of its rows ({', '.join(names)})."
                f"{did_you_mean(entry.since, names)} Name one of them, or leave since out."
            )
        return tuple(Column(name, "text", f"q.{quoted(name)}") for name in names)

    @contextmanager
    def rows(self, entry: Entry, columns: tuple[Column, ...], mark: Mark | None) -> Iterator[pa.RecordBatchReader]:
        """Give the rows of an entry in batches: all of them, or those from a mark on."""
        listed = ", ".join(f"{column.sql} AS {quoted(column.name)}" for column in columns)
        since = f"q.{quoted(entry.since)}"
        where = f"\nWHERE {since} >= {mark.literal} OR {since} IS NULL" if mark else ""
        schema = pa.schema([(column.name, pa.string()) for column in columns])
        with _explained(entry), closing(self._connection.execute(
            f"SELECT {listed} FROM (\n{entry.sql}\n) AS q{where}"
        )) as cursor:  # fmt: skip
            yield pa.RecordBatchReader.from_batches(schema, _batches(cursor, schema))

    def mark(
        self, entry: Entry, columns: tuple[Column, ...], connection: Connection, files: list[Path]
    ) -> Mark | None:
        """Return up to where the column `since` was read: its greatest value."""
        name = quoted(entry.since)
        with _explained(entry):
            sql = f"SELECT quote(max({name})), max({name}) FROM (\n{entry.sql}\n)"
            found, value = self._connection.execute(sql).fetchone()
        return None if value is None else Mark(found, f"({name} = {literal(str(as_text(value)))} OR {name} IS NULL)")


@contextmanager
def open_sqlite(name: str, source: DatabaseSource, folder: Path) -> Iterator[InSqlite]:
    """Give a connection to the file of a source, relative to `folder`, in one transaction.

    Raises OutOfReach where the file is not there, and SourceError where it is no SQLite file.
    """
    file = folder / source.path
    if not file.is_file():
        raise OutOfReach(f"there is no file at {file}")
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        try:
            opened = InSqlite(connection, file)
        except sqlite3.OperationalError as error:
            raise OutOfReach(str(error)) from error
        except sqlite3.DatabaseError as error:
            raise SourceError(f"[sources] {name}: {file} cannot be read as SQLite: {error}.") from error
        yield opened


def as_text(value: object) -> str | None:
    """Return a value as text: numbers with all their digits, bytes as UTF-8 or else in hexadecimal digits.

    >>> as_text(0.1), as_text(7), as_text(None), as_text(b"abc")
    ('0.1', '7', None, 'abc')
    """
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return None if value is None else str(value)


def _batches(cursor: sqlite3.Cursor, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while found := cursor.fetchmany(BATCH):
        columns = [pa.array(map(as_text, values), pa.string()) for values in zip(*found, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


@contextmanager
def _explained(entry: Entry) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise SourceError(f"{entry.where}: SQLite refused it: {error}. Correct the table or the SELECT.") from error
