"""The Spark engine: any master, or Spark Connect. It needs the extra undertow[spark] and Java 17.

Spark is meant for rows that lie in a data lake next to a cluster; on one machine DuckDB takes a small part
of the time and memory.
"""

from __future__ import annotations

import logging
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
CONNECT_PORT = 15002  # default port of Spark Connect
ALWAYS = {  # with other values of these the same rows would yield other feature values
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}
ON_ONE_MACHINE = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "4g",  # the query over all features does not fit the default of 1
    "spark.sql.autoBroadcastJoinThreshold": "-1",  # its many small joins at once would each hold a copy of a table
    "spark.sql.shuffle.partitions": "4",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def open_spark(settings: Spark) -> Iterator[InSpark]:
    """Yield Spark in a new session with its own views; the Spark process is reused by the next one.

    Raises SettingsError where PySpark is not installed or the master cannot be reached.
    """
    database = InSpark(_session(settings).newSession(), settings.tables)
    for name, value in ALWAYS.items():
        database.session.conf.set(name, value)
    try:
        yield database
    finally:
        database.release()


def _session(settings: Spark) -> SparkSession:
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession  # an extra, and slow to import
    except ImportError as missing:
        raise SettingsError(
            f'[engine] kind = "spark" needs PySpark, which is not installed. Type: {INSTALL}'
        ) from missing
    builder = SparkSession.builder.appName("undertow")
    builder = builder.remote(settings.remote) if settings.remote else builder.master(settings.master)
    is_local = settings.master.startswith("local") and not settings.remote
    defaults = ON_ONE_MACHINE if is_local else {}
    if is_local:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers need the packages of this process
    for name, value in {**defaults, **ALWAYS, **settings.options}.items():
        builder = builder.config(name, value)
    logging.getLogger().addFilter(_is_not_py4j)
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")  # we pass Arrow tables
    try:
        if settings.remote:
            _require_open_port(settings.remote)
        return builder.getOrCreate()
    except (PySparkException, Py4JError, ImportError, OSError, RuntimeError) as error:
        where = settings.remote or settings.master
        raise SettingsError(
            f"Spark cannot be reached at {where}: {first_lines(error)} "
            "It needs Java 17 (JAVA_HOME) and, for a cluster, [spark] master or remote."
        ) from error


def _is_not_py4j(record: logging.LogRecord) -> bool:
    """Return False for what py4j logs of a lost connection: it raises the same, which becomes a DataError."""
    return "py4j" not in record.pathname


def _require_open_port(remote: str) -> None:
    """Raise OSError where no server listens at sc://host:port; Spark Connect itself would retry for minutes."""
    address = urlsplit(remote)
    socket.create_connection((address.hostname or "", address.port or CONNECT_PORT), timeout=10).close()


def _raises_data_error(method: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the errors of Spark, or its loss, into a DataError; the last argument is the context in its message."""

    @wraps(method)
    def wrapped(self: InSpark, *arguments: Any) -> Any:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return method(self, *arguments)
        except (PySparkException, Py4JError, OSError) as error:
            raise DataError(f"{arguments[-1]}: Spark could not run this query: {first_lines(error)}") from error

    return wrapped


class InSpark:
    """A `Database` on a Spark cluster."""

    dialect = "spark"
    takes_small_queries = True
    memory = None  # Spark divides the work among its partitions

    def __init__(self, session: SparkSession, lake: dict[str, str]) -> None:
        self.session = session
        self._lake = lake
        self._kept: list[DataFrame] = []

    def open_table(self, name: str, files: Sequence[Path], where: str = "true") -> None:
        """Create a view over Parquet files, or over the path or table that [spark] tables names."""
        self._read(name, [str(file) for file in files], where, name)

    @_raises_data_error
    def _read(self, name: str, files: list[str], where: str, context: str) -> None:
        place = self._lake.get(name)
        if place is None:
            rows = self.session.read.parquet(*files)
        elif "/" in place:
            rows = self.session.read.parquet(place)
        else:
            rows = self.session.table(place)
        rows.where(where).createOrReplaceTempView(name)

    def register(self, name: str, table: pa.Table) -> None:
        """Register an Arrow table in memory under a name."""
        self._register(table, name)

    @_raises_data_error
    def _register(self, table: pa.Table, name: str) -> None:
        self.session.createDataFrame(table).createOrReplaceTempView(name)

    @_raises_data_error
    def create_view(self, name: str, sql: str, context: str) -> None:
        """Create a view."""
        self.session.sql(sql).createOrReplaceTempView(name)

    @_raises_data_error
    def create_table(self, name: str, sql: str, context: str) -> None:
        """Run a query once and keep the result in the cluster's memory as a temporary table."""
        rows = self.session.sql(sql).persist()
        rows.createOrReplaceTempView(name)
        self._kept.append(rows)

    @_raises_data_error
    def arrow(self, sql: str, context: str) -> pa.Table:
        """Run a query and return the result as an Arrow table."""
        return self.session.sql(sql).toArrow()

    @_raises_data_error
    def write(self, sql: str, folder: Path, context: str) -> None:
        """Write the result of a query as Parquet to `folder`/as_of=<day>/."""
        by_day = f"SELECT * EXCEPT (as_of), date_format(as_of, 'yyyy-MM-dd') AS as_of FROM ({sql})"
        rows = self.session.sql(by_day).repartition("as_of")
        rows.write.partitionBy("as_of").parquet(str(folder))

    def release(self) -> None:
        """Release the temporary tables kept in the cluster's memory."""
        from py4j.protocol import Py4JError

        for rows in self._kept:
            try:
                rows.unpersist()
            except (Py4JError, OSError):  # the cluster is lost, and its memory with it
                return
