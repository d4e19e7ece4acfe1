"""The door to Spark: any master, or Spark Connect, by settings. Needs the extra undertow[spark] and Java 17.

Spark is for who has the rows in a lake and a cluster beside it; on one machine DuckDB takes a small part of
the time and memory.
"""

from __future__ import annotations

import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from undertow.features.errors import DataError, SettingsError, first_lines
from undertow.features.settings import Spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

INSTALL = "pip install 'undertow[spark]'"
CONNECT_PORT = 15002  # of Spark Connect, unless the address says another
ALWAYS = {  # without these the same rows give other values
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}
ON_ONE_MACHINE = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def open_spark(settings: Spark) -> Iterator[InSpark]:
    """Yield Spark with names of its own; the session itself stays for the next one in this process.

    Raises SettingsError where PySpark is not installed or the master cannot be reached.
    """
    database = InSpark(_session(settings).newSession(), settings.tables)
    for name, value in ALWAYS.items():
        database.session.conf.set(name, value)
    try:
        yield database
    finally:
        database.forget()


def _session(settings: Spark) -> SparkSession:
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession  # an extra, and slow to import
    except ImportError as missing:
        raise SettingsError(f'[engine] kind = "spark" needs PySpark, which is not there. Type: {INSTALL}') from missing
    builder = SparkSession.builder.appName("undertow")
    builder = builder.remote(settings.remote) if settings.remote else builder.master(settings.master)
    is_here = settings.master.startswith("local") and not settings.remote
    own = ON_ONE_MACHINE if is_here else {}
    if is_here:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers need what this process has
    for name, value in {**own, **ALWAYS, **settings.options}.items():
        builder = builder.config(name, value)
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")  # we hand over Arrow
    try:
        if settings.remote:
            _knock(settings.remote)
        return builder.getOrCreate()
    except (PySparkException, Py4JError, ImportError, OSError, RuntimeError) as error:
        where = settings.remote or settings.master
        raise SettingsError(
            f"Spark cannot be reached at {where}: {first_lines(error)} "
            "It needs Java 17 (JAVA_HOME) and, for a cluster, [spark] master or remote."
        ) from error


def _knock(remote: str) -> None:
    """Raise OSError where nobody listens at sc://host:port; Spark Connect itself would try on for minutes."""
    address = urlsplit(remote)
    socket.create_connection((address.hostname or "", address.port or CONNECT_PORT), timeout=10).close()


def _in_our_words(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Say what Spark refuses, or that it was lost, as a DataError that names who asked."""

    @wraps(ask)
    def asked(self: InSpark, *arguments: Any) -> Any:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return ask(self, *arguments)
        except (PySparkException, Py4JError, OSError) as error:
            raise DataError(f"{arguments[-1]}: Spark gave up. {first_lines(error)}") from error

    return asked


class InSpark:
    """A `undertow.features.engines.duckdb.Database` on a Spark cluster."""

    dialect = "spark"
    takes_small_queries = True

    def __init__(self, session: SparkSession, lake: dict[str, str]) -> None:
        self.session = session
        self._lake = lake
        self._kept: list[DataFrame] = []

    def open_table(self, name: str, files: Sequence[Path]) -> None:
        """Let a name stand for the rows of some Parquet files, or for what [spark] tables names."""
        self._read(name, [str(file) for file in files], name)

    @_in_our_words
    def _read(self, name: str, files: list[str], asked_by: str) -> None:
        where = self._lake.get(name)
        if where is None:
            rows = self.session.read.parquet(*files)
        elif "/" in where:
            rows = self.session.read.parquet(where)
        else:
            rows = self.session.table(where)
        rows.createOrReplaceTempView(name)

    def register(self, name: str, table: pa.Table) -> None:
        """Let a name stand for a small table in memory."""
        self.session.createDataFrame(table).createOrReplaceTempView(name)

    @_in_our_words
    def create_view(self, name: str, sql: str, asked_by: str) -> None:
        """Let a name stand for a query, which is run where it is used."""
        self.session.sql(sql).createOrReplaceTempView(name)

    @_in_our_words
    def create_table(self, name: str, sql: str, asked_by: str) -> None:
        """Run a query once and let a name stand for its answer."""
        rows = self.session.sql(sql).persist()
        rows.createOrReplaceTempView(name)
        self._kept.append(rows)

    @_in_our_words
    def arrow(self, sql: str, asked_by: str) -> pa.Table:
        """Run a query and return its answer."""
        return self.session.sql(sql).toArrow()

    @_in_our_words
    def write(self, sql: str, folder: Path, asked_by: str) -> None:
        """Write the answer as Parquet to `folder`/as_of=<day>/."""
        by_day = f"SELECT * EXCEPT (as_of), date_format(as_of, 'yyyy-MM-dd') AS as_of FROM ({sql})"
        rows = self.session.sql(by_day).repartition("as_of")
        rows.write.partitionBy("as_of").parquet(str(folder))

    def forget(self) -> None:
        """Let go of what was kept in the cluster's memory."""
        from py4j.protocol import Py4JError

        for rows in self._kept:
            try:
                rows.unpersist()
            except (Py4JError, OSError):  # the cluster is lost, and its memory with it
                return
