"""What is asked of a database for one entry of [files], and how a database is asked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from undertow.features.engines.duckdb import Connection


class OutOfReach(Exception):
    """The database cannot be asked at the moment, for the reason in the message; the last snapshot may stand in."""


@dataclass(frozen=True)
class Entry:
    """An entry of [files] that is read from a database.

    `sql`: the SELECT of its rows, in the database's own SQL. `since`: the column that grows, or "".
    """

    name: str
    sql: str
    since: str = ""

    @property
    def where(self) -> str:
        """Return the words that begin every message about the entry."""
        return f"[files] {self.name}"


@dataclass(frozen=True)
class Column:
    """A column of a result: its name, its type in the database, and the SQL that reads it in a form we can keep."""

    name: str
    type: str
    sql: str


@dataclass(frozen=True)
class Mark:
    """Up to where a column that grows was read: the next reading begins here.

    `literal`: the value in the database's SQL. `held`: the condition, in DuckDB's SQL, of the rows that a reading from
    here on yields again.
    """

    literal: str
    held: str


@dataclass(frozen=True)
class Described:
    """The database of a transaction. `identity`: which database it is; `state`: which transactions it shows."""

    version: str
    identity: str
    state: str = ""


class OpenDatabase(Protocol):
    """A database in one transaction that only reads: every SELECT sees the same rows."""

    described: Described

    def columns(self, entry: Entry) -> tuple[Column, ...]:
        """Return the columns of an entry. Raises SourceError where its SELECT cannot be run."""

    def rows(self, entry: Entry, columns: tuple[Column, ...], mark: Mark | None) -> AbstractContextManager[
        pa.RecordBatchReader
    ]:  # fmt: skip
        """Give the rows of an entry in batches: all of them, or those from a mark on."""

    def mark(
        self, entry: Entry, columns: tuple[Column, ...], connection: Connection, files: list[Path]
    ) -> Mark | None:
        """Return up to where the column `since` was read, of rows that lie in these files; None without any value."""
