"""What a job may ask of a database, whichever of the two runs it: DuckDB (default) or Spark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.engines.spark import open_spark
from undertow.features.settings import Settings


class Database(Protocol):
    """Where queries run; failures are said as a DataError (SourceError: unreadable) that names who asked."""

    dialect: str
    takes_small_queries: bool  # rather than one large one

    def open_table(self, name: str, files: Sequence[Path]) -> None:
        """Let a name stand for the rows of some Parquet files."""

    def register(self, name: str, table: pa.Table) -> None:
        """Let a name stand for a small table in memory."""

    def create_view(self, name: str, sql: str, asked_by: str) -> None:
        """Let a name stand for a query, which is run where it is used."""

    def create_table(self, name: str, sql: str, asked_by: str) -> None:
        """Run a query once and let a name stand for its answer."""

    def arrow(self, sql: str, asked_by: str) -> pa.Table:
        """Run a query and return its answer."""

    def write(self, sql: str, folder: Path, asked_by: str) -> None:
        """Write the answer as Parquet to `folder`/as_of=<day>/; `sql` yields a column as_of."""


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Yield the engine that the settings name. Raises SettingsError where it cannot be had."""
    if settings.engine.kind == "spark":
        with open_spark(settings.spark) as database:
            yield database
    else:
        with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
            connection.execute("SET preserve_insertion_order = false")  # less memory; readers sort
            yield InDuckDB(connection)
