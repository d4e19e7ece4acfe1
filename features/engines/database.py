"""The `Database` protocol: the operations that features and labels use, on DuckDB (default) or Spark."""

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
    """A database that runs queries. Failures raise DataError (SourceError for an unreadable file).

    `context`, in every method that runs SQL: what the query is for, at the start of the error message.
    """

    dialect: str  # "duckdb" or "spark"
    takes_small_queries: bool  # whether the steps of a plan run one by one rather than as one large query

    @property
    def memory(self) -> int | None:
        """Return the bytes of memory that queries may use; None where the engine divides the work itself."""

    def open_table(self, name: str, files: Sequence[Path], where: str = "true") -> None:
        """Create a view over Parquet files; `where`: SQL of the rows wanted."""

    def register(self, name: str, table: pa.Table) -> None:
        """Register an Arrow table in memory under a name."""

    def create_view(self, name: str, sql: str, context: str) -> None:
        """Create a view."""

    def create_table(self, name: str, sql: str, context: str) -> None:
        """Run a query once and store the result as a temporary table."""

    def arrow(self, sql: str, context: str) -> pa.Table:
        """Run a query and return the result as an Arrow table."""

    def write(self, sql: str, folder: Path, context: str) -> None:
        """Write the result of a query as Parquet to `folder`/as_of=<day>/; `sql` yields a column as_of."""


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Yield the database that the settings name. Raises SettingsError where it is not installed or not reachable."""
    if settings.engine.kind == "spark":
        with open_spark(settings.spark) as database:
            yield database
    else:
        with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
            connection.execute("SET preserve_insertion_order = false")  # less memory; readers sort
            yield InDuckDB(connection)
