"""Computes the 60 columns by one of our own plans, in a process of its own: `python -m ... JOB PLAN`.

PLAN: "slots" or "range join", on the engine that the job names; or "floor": one scan of every value of every
month, a lower bound for any plan that reads all of them.
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

import pandas  # noqa: F401  (PyArrow imports it at its first list; imported here, it is not counted as work)
import pyarrow as pa

from undertow.features.catalogue import usage, ux
from undertow.features.catalogue.cards import Column, Feature
from undertow.features.catalogue.choose import make_catalogue
from undertow.features.compiler.plan import plan_features
from undertow.features.engines.database import Database
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.engines.spark import open_spark
from undertow.features.settings import Engine, Spark

WINDOWS = (7, 30, 90)
CARDS = (
    "page_views", "errors", "crashes", "feature_use", "logins", "conversions", "tasks_started", "task_failures",
    "error_rate", "task_failure_rate", "task_success_rate", "slow_load_share", "apdex",
    "load_time_median", "load_time_p95", "slowest_load", "active_users", "active_days", "platforms_used",
)  # fmt: skip
LOAD_TIME_MEAN = Feature(
    "load_time_mean", "Mean load time of pages", family="ux", level="interaction", unit="ms",
    measure=ux.page_views.mean("duration_ms"), windows=WINDOWS, null_means="no page was viewed", good="low",
)  # fmt: skip


def columns() -> list[Column]:
    """Return the 60 columns: 20 measures over three windows."""
    cards = {card.name: card for card in (*ux.UX, *usage.USAGE, LOAD_TIME_MEAN)}
    return [Column(f"{name}_{days}", cards[name], days) for name in (*CARDS, "load_time_mean") for days in WINDOWS]


def every_column() -> list[Column]:
    """Return all windowed columns of the catalogue that read no table but events."""
    return [column for column in make_catalogue(["events"]).columns if column.window is not None]


def main(job: dict[str, Any], plan: str) -> None:
    """Compute the columns by this plan and write them to the job's `out`; the floor writes nothing."""
    with _database(job) as database:
        if plan == "floor":
            _floor(database, job)
        else:
            _build(database, job, plan)


@contextmanager
def _database(job: dict[str, Any]) -> Iterator[Database]:
    if job.get("engine") == "spark":
        with open_spark(Spark(master="local[2]", options={"spark.driver.memory": "4g"})) as database:
            yield database
        _stop_spark()
        return
    limits = Engine(memory_limit=job.get("memory_limit", "8GB"), threads=2)
    with open_duckdb(limits, Path(job["out"]).parent / "spill") as connection:
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
    as_ofs = [datetime.fromisoformat(as_of) for as_of in job["as_ofs"]]
    wanted = every_column() if job.get("columns") == "catalogue" else columns()
    planned = plan_features(wanted, as_ofs if plan == "slots" else None, database.dialect)
    reach = planned.reach["events"]
    since = datetime.min if reach is None else as_ofs[0] - timedelta(days=reach)
    database.open_table("events", _files(Path(job["data"]), since, as_ofs[-1]))
    database.open_table("accounts", [Path(job["data"]) / "accounts.parquet"])
    database.register("as_ofs", pa.table({"as_of": pa.array(as_ofs, pa.timestamp("us"))}))
    database.create_table("snapshots", "SELECT account_id, as_of FROM accounts CROSS JOIN as_ofs", "bench")
    database.write(planned.prepare(database), Path(job["out"]), "bench")


def _files(data: Path, since: datetime, until: datetime) -> list[Path]:
    """Return the files of the months that can hold rows of `[since, until)`, as the store opens them."""
    files = sorted(data.glob("events/month=*/*.parquet"))
    return [file for file in files if f"month={since:%Y-%m}" <= file.parent.name <= f"month={until:%Y-%m}"]


def _floor(database: Database, job: dict[str, Any]) -> None:
    database.open_table("events", _files(Path(job["data"]), datetime.min, datetime.max))
    database.arrow(_EVERY_VALUE, "bench")


_EVERY_VALUE = (
    "SELECT count(*), sum(hash(account_id, event_id, user_id, session_id, occurred_at, recorded_at, kind, name, "
    "platform, duration_ms, value, definition)) FROM events"
)


if __name__ == "__main__":
    print(f"ready {process_time()}")
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
