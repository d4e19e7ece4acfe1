"""Computes the 60 columns by one of our own plans, in a process of its own: `python -m ... JOB PLAN`.

PLAN: "slots" or "range join", on the engine that the job names; or "floor": one scan of every value of every
month, a lower bound for any plan that reads all of them. Where the rows in reach do not fit into the job's memory
limit, slots are computed for one range of accounts at a time, as in `undertow features`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.peers.columns import columns, every_column
from undertow.features.build.account_ranges import ranges_needed, write_by_range
from undertow.features.build.compiled_sql import compiled_features
from undertow.features.compiler.compiled import Plan
from undertow.features.engines.arrow_columns import arrow_column
from undertow.features.engines.database import Database
from undertow.features.engines.duckdb import InDuckDB, literal, open_duckdb
from undertow.features.engines.spark import open_spark
from undertow.features.settings import Engine, Spark
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import TableReport, Tables


def main(job: dict[str, Any], plan: str) -> None:
    """Compute the columns by this plan and write them to the job's `out`; the floor writes nothing."""
    with _database(job) as database:
        if plan == "floor":
            open_tables(database, _tables(Path(job["data"])))
            database.arrow(_EVERY_VALUE, "bench")
        else:
            _build(database, job, plan)


@contextmanager
def _database(job: dict[str, Any]) -> Iterator[Database]:
    if job.get("engine") == "spark":
        with open_spark(Spark(master="local[2]", options={"spark.driver.memory": "4g"})) as database:
            yield database
        _stop_spark()
        return
    limits = Engine(memory_limit=job["memory_limit"], threads=2)
    with open_duckdb(limits, Path(job["spill"])) as connection:
        connection.execute("SET preserve_insertion_order = false")
        yield InDuckDB(connection)


def _stop_spark() -> None:
    """Stop the Java process of Spark and wait for it, so that its CPU seconds are counted as ours."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    gateway = context._gateway
    context.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def _build(database: Database, job: dict[str, Any], plan: str) -> None:
    data, out = Path(job["data"]), Path(job["out"])
    as_ofs = [datetime.fromisoformat(as_of) for as_of in job["as_ofs"]]
    wanted = every_column() if job.get("columns") == "catalogue" else columns()
    kept = out.parent / "compiled"  # SQL that an earlier run compiled is read again, as a project does
    compiled = compiled_features(kept, wanted, len(as_ofs) if plan == "slots" else None, database.dialect)
    planned = compiled.plan(as_ofs if plan == "slots" else ())
    where = _sample(data, job["accounts"]) if "accounts" in job else "true"
    tables, since = open_log(database, data, as_ofs, planned, where)
    number = ranges_needed(database, tables, since, as_ofs[-1]) if plan == "slots" else 1
    if number == 1:
        database.write(planned.prepare(database), out, "bench")
    else:
        print(f"{number} ranges of accounts", flush=True)
        write_by_range(database, planned, lambda query: query, tables, since, as_ofs, number, out)


def open_log(
    database: Database, data: Path, as_ofs: list[datetime], plan: Plan, where: str = "true"
) -> tuple[Tables, dict[str, datetime | None]]:
    """Open the rows of an event log that a plan reads, and make the snapshots; return the tables and since when.

    `where`: SQL of the accounts wanted.
    """
    since = {name: None if days is None else as_ofs[0] - timedelta(days=days) for name, days in plan.reach.items()}
    tables = _tables(data)
    open_tables(database, tables, since, as_ofs[-1], where)
    database.register("as_ofs", pa.table({"as_of": arrow_column(np.array(as_ofs, dtype="datetime64[us]"))}))
    database.create_table("population", "SELECT account_id, as_of FROM accounts CROSS JOIN as_ofs", "bench")
    database.create_view("snapshots", "SELECT * FROM population", "bench")
    return tables, since


def _tables(data: Path) -> Tables:
    """Return the event log as tables that loading might have stored."""
    reports = tuple(TableReport(name, 0, 0, ()) for name in ("accounts", "events"))
    return Tables(data, "", datetime.min, datetime.max, reports)


def _sample(data: Path, number: int) -> str:
    """Return an SQL condition for a number of accounts, evenly spread over all."""
    accounts = pq.read_table(data / "accounts.parquet")["account_id"]
    places = np.linspace(0, len(accounts) - 1, min(number, len(accounts))).round().astype(int)
    return f"account_id IN ({', '.join(literal(each) for each in accounts.take(pa.array(places)).to_pylist())})"


_EVERY_VALUE = (
    "SELECT count(*), sum(hash(account_id, event_id, user_id, session_id, occurred_at, recorded_at, kind, name, "
    "platform, duration_ms, value, definition)) FROM events"
)


if __name__ == "__main__":
    print(f"ready {process_time()}", flush=True)
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
