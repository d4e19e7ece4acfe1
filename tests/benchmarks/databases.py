"""Seconds and peak memory of reading a PostgreSQL table into a snapshot, beside a bare ADBC read to Parquet.

    python -m tests.benchmarks.databases --rows 1e6 --rounds 3

A PostgreSQL server of its own holds one table of 15 columns. Each reading is a process of its own, in turns; the
numbers are seconds of wall-clock time without imports, median of the rounds, and the peak of resident memory. A run on
a million rows, 3 rounds or more, also rewrites the section `databases` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from statistics import median

from tests.benchmarks.loading import Reading
from tests.benchmarks.report import finish
from tests.database_server import running_postgres
from undertow.features.settings import FILE_NAME

FULL, FULL_ROUNDS = 1_000_000, 3
MOST_OF_BARE = 1.5  # the goal: our seconds as a multiple of the bare ones
OURS, AGAIN, BARE = "into a snapshot", "again, without a change", "bare ADBC to Parquet"
TABLE = """
CREATE TABLE events AS SELECT n AS event_id, 'account-' || n % 20000 AS account_id, 'user-' || n % 60000 AS user_id,
  'session-' || n / 7 AS session_id, timestamptz '2024-01-01' + n * interval '30 seconds' AS occurred_at,
  timestamp '2024-01-01' + n * interval '31 seconds' AS recorded_at, 'page_view' AS kind, 'page ' || n % 300 AS name,
  'web' AS platform, n % 4000 AS duration_ms, (n % 1000)::numeric(10, 2) / 100 AS value, n % 2 = 0 AS is_new,
  date '2024-01-01' + (n % 700)::int AS day, md5(n::text)::uuid AS request,
  jsonb_build_object('plan', 'pro', 'seats', n % 50) AS properties
FROM generate_series(1, {rows}) AS n"""
PROJECT = """[sources.app]
kind = "postgres"
uri_env = "UNDERTOW_BENCHMARK"
[files]
events = { source = "app", table = "events" }
"""
INTO_A_SNAPSHOT = """
import sys, datetime
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.features.sources.databases.refresh import refresh
import adbc_driver_postgresql.dbapi
def read():
    refresh(load_settings(Path(sys.argv[1])), datetime.datetime(2026, 3, 1))
"""
BARE_READ = """
import os, sys
import pyarrow.parquet as pq
import adbc_driver_postgresql.dbapi as adbc
def read():
    with adbc.connect(os.environ["UNDERTOW_BENCHMARK"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM events")
        batches = cursor.fetch_record_batch()
        with pq.ParquetWriter(sys.argv[1] + "/bare.parquet", batches.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
"""
MEASURE = """
import resource, time
started = time.monotonic()
read()
print(time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)
"""


def main() -> None:
    """Print the seconds and the peak memory of each way of reading, and the ratio."""
    arguments = _arguments()
    rows = int(float(arguments.rows))
    readings = {OURS: Reading(), AGAIN: Reading(), BARE: Reading()}
    with running_postgres() as address, tempfile.TemporaryDirectory() as folder:
        with import_module("psycopg").connect(address, autocommit=True) as connection:
            connection.execute(TABLE.format(rows=rows))
            connection.execute("VACUUM ANALYZE events")
        for number in range(arguments.rounds):
            project = Path(folder) / str(number)
            project.mkdir()
            (project / FILE_NAME).write_text(PROJECT, encoding="utf-8")
            for name, code in ((BARE, BARE_READ), (OURS, INTO_A_SNAPSHOT), (AGAIN, INTO_A_SNAPSHOT)):
                _read(readings[name], code, project, address)
    results = results_text(readings, rows)
    print(results)
    partial = [] if rows == FULL else [f"not {FULL:,} rows"]
    partial += [] if arguments.rounds >= FULL_ROUNDS else [f"--rounds below {FULL_ROUNDS}"]
    print(finish("databases", results, "; ".join(partial)))


def results_text(readings: dict[str, Reading], rows: int) -> str:
    """Return a line per way of reading, and our seconds as a multiple of those of the bare one."""
    lines = [
        f"{rows:,} rows of 15 columns, {name}: {median(each.seconds):.1f} s, median of {len(each.seconds)}; "
        f"peak memory {max(each.peaks):.2f} GB"
        for name, each in readings.items()
    ]
    ratio = median(readings[OURS].seconds) / median(readings[BARE].seconds)
    goal = f"at most {MOST_OF_BARE}: {'holds' if ratio <= MOST_OF_BARE else 'FAILS'}"
    return "\n".join([*lines, f"{OURS} / {BARE}: {ratio:.2f}; {goal}"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.databases", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rows", default="1e6", help="rows of the table; default: 1e6")
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS, help="readings of each way; default: 3")
    return parser.parse_args()


def _read(reading: Reading, code: str, project: Path, address: str) -> None:
    environment = {**os.environ, "UNDERTOW_BENCHMARK": address}
    done = subprocess.run([sys.executable, "-c", code + MEASURE, str(project)], check=True, capture_output=True,
                          text=True, env=environment)  # fmt: skip
    seconds, peak = map(float, done.stdout.splitlines()[-1].split())
    reading.seconds.append(seconds)
    reading.peaks.append(peak)


if __name__ == "__main__":
    main()
