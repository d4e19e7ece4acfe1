"""Transactions of the team's database: SQLite or PostgreSQL, with times after which nobody waits any longer."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy import inspect as look_at
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from undertow.features.errors import TeamError
from undertow.features.sources.databases.addresses import without_secrets
from undertow.serving.team.address import is_postgres
from undertow.serving.team.tables import METADATA, SCHEMA, VERSION

PATIENCE = 2.0  # seconds for a connection, a lock or an answer
REST = 5.0  # seconds after a failed reading in which the next ones fail at once: a page does not wait each time
CONNECTIONS = 4  # of one process with PostgreSQL
LOCK = "undertow team"


class Database:
    """The team's database at an address. Tables are made with it; a file that is removed later is not made again."""

    def __init__(self, address: str) -> None:
        """`address`: the path of a SQLite file, or PostgreSQL's. What is wrong with it is said when it is used."""
        self._address = address
        self._is_made = False
        self._failed: tuple[float, str] = (float("-inf"), "")  # when a reading failed last, and why
        self._was_there = not is_postgres(address) and Path(address).exists()

    @cached_property
    def _engine(self) -> Engine:
        return _postgres(self._address) if is_postgres(self._address) else _sqlite(Path(self._address))

    def make(self) -> None:
        """Make the tables where they are missing. Raises TeamError."""
        if self._is_made:
            return
        with self._saying_why("opened"):
            if not is_postgres(self._address) and not self._was_there:
                _make_file(Path(self._address))
                self._was_there = True
            with self._engine.begin() as connection:
                is_there = look_at(connection).has_table(SCHEMA.name)
                if is_there:
                    _refuse_other_version(connection)
            if not is_there:
                with self._engine.execution_options(writes=True).begin() as connection:
                    _make_tables(connection)
        self._is_made = True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read with. Raises TeamError; after one, for REST seconds, without trying."""
        since, why = self._failed
        if time.monotonic() - since < REST:
            raise TeamError(why)
        try:
            self.make()
            with self._saying_why("read"), self._engine.begin() as connection:
                yield connection
        except TeamError as error:
            self._failed = (time.monotonic(), str(error))
            raise

    @contextmanager
    def writing(self, what: str) -> Iterator[Connection]:
        """Give a connection to write with, in one transaction; those that write the same `what` go one by one.

        Raises TeamError, and then nothing was written.
        """
        self.make()
        with self._saying_why("written"), self._engine.execution_options(writes=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{LOCK} {what}"))))
            _refuse_other_version(connection)
            yield connection
        self._failed = (float("-inf"), "")

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    @contextmanager
    def _saying_why(self, done: str) -> Iterator[None]:
        """Raise an error of the database as TeamError, in one sentence without the address's password."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
            raise TeamError(f"The team's database cannot be {done}: {self._why(error)}") from None

    def _why(self, error: Exception) -> str:
        if isinstance(error, ImportError):
            return "the driver of PostgreSQL is not installed: pip install 'undertow[postgres]'."
        original = getattr(error, "orig", None) or error
        said = " ".join(str(original).split()) or type(original).__name__
        if is_postgres(self._address):
            said = without_secrets(said, self._address)
            return f"PostgreSQL said: {said}. Check that it runs and that [team] names it."
        path = Path(self._address)
        if isinstance(original, OSError):
            return f"{path}: {original.strerror}. Check the folder and its permissions."
        if not path.exists():
            return f"{path} does not exist any more. Put it back; or start the service again, which makes an empty one."
        if "locked" in said:
            return f"{path} is locked by another program. Try again; close what holds it open."
        if "readonly" in said:
            return f"{path} is read-only. Give the user of the service the right to write the file and its folder."
        return f"{path}: {said}. Check that the file is the team's database, or bring it back from a backup."


def _make_file(path: Path) -> None:
    """Make an empty file that its owner alone reads, unless there is one."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _make_tables(connection: Connection) -> None:
    """Make the tables in one transaction, unless another process has just done so."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(LOCK))))
    if not look_at(connection).has_table(SCHEMA.name):
        METADATA.create_all(connection)
        connection.execute(SCHEMA.insert().values(version=VERSION))
    _refuse_other_version(connection)


def _refuse_other_version(connection: Connection) -> None:
    found = connection.execute(select(func.max(SCHEMA.c.version))).scalar()
    if found != VERSION:
        raise TeamError(
            f"The team's database has version {found} of its tables, and this release reads version {VERSION}. "
            "Install the release of Undertow that wrote it, or a newer one."
        )


def _sqlite(path: Path, mode: Literal["rw", "ro"] = "rw") -> Engine:
    """Return an engine that opens the file each time, so that one that was removed or replaced is noticed.

    `mode`: "rw" makes no file, and reads one that may not be written.
    """
    address = f"file:{quote(str(path))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, timeout=PATIENCE, uri=True, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        """Begin the transaction, of a writer with the lock, since Python's module would begin it with the first row."""
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(address: str) -> Engine:
    import psycopg  # there for those who have PostgreSQL alone

    def connect() -> Any:
        limits: dict[str, Any] = {"connect_timeout": int(PATIENCE), "tcp_user_timeout": int(1000 * PATIENCE)}
        connection = psycopg.connect(address, application_name="undertow", **limits)
        for name, value in (("statement_timeout", 1000 * PATIENCE), ("lock_timeout", 1000 * PATIENCE)):
            connection.execute("SELECT set_config(%s, %s, false)", (name, f"{value:.0f}ms"))
        connection.commit()
        return connection

    return create_engine(
        "postgresql+psycopg://", creator=connect, poolclass=QueuePool, pool_size=CONNECTIONS, max_overflow=0,
        pool_timeout=PATIENCE, pool_pre_ping=True,
    )  # fmt: skip
