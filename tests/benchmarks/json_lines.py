"""CPU seconds of loading events from packed JSON lines with declared columns, beside the same events in Parquet.

    python -m tests.benchmarks.json_lines --rows 1e6 --rounds 3

Each loading is a process of its own, in turns; the numbers are CPU seconds of the process without imports, median of
the rounds. Beside them: unpacking alone, and loading without declared columns. A run on a million rows, 3 rounds or
more, also rewrites the section `json_lines` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import duckdb

from tests.benchmarks.report import finish
from undertow.features.settings import FILE_NAME

FULL, FULL_ROUNDS = 1_000_000, 3
MOST = 1.3  # the goal: CPU seconds as a multiple of Parquet's, beside those of unpacking
JSON, SEEN, PARQUET, UNPACKED = "JSON, columns declared", "JSON, all looked at", "Parquet", "unpacking alone"
EVENTS = """
SELECT 'e' || n AS event_id, 'account-' || n % 20000 AS account_id, 'user-' || n % 60000 AS user_id,
       'session-' || n // 7 AS session_id, strftime(TIMESTAMP '2024-01-01' + to_seconds(n * 15), '%Y-%m-%dT%H:%M:%SZ')
       AS occurred_at, 'page_view' AS kind, '/page/' || n % 300 AS name, 'web' AS platform,
       CAST(n % 4000 AS VARCHAR) AS duration_ms, json_object('plan', 'pro', 'seats', n % 50, 'url', repeat('x', 80))
       AS properties
FROM range({rows}) AS r(n)"""
COLUMNS = ["event_id", "account_id", "user_id", "session_id", "occurred_at", "kind", "name", "platform", "duration_ms"]
SELECT = f"SELECT {', '.join(COLUMNS)} FROM log"
ENTRIES = {
    JSON: '{ path = "log.jsonl.gz", columns = { ' + ", ".join(f'{name} = "VARCHAR"' for name in COLUMNS)
    + ', properties = "JSON" } }',
    SEEN: '"log.jsonl.gz"',
    PARQUET: '"log.parquet"',
}  # fmt: skip
LOAD = """
import datetime, sys, time
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.features.sources.load import load_tables
settings = load_settings(Path(sys.argv[1]))
started = time.process_time()
assert load_tables(settings, datetime.datetime(2030, 1, 1)).report("events").kept == int(sys.argv[2])
print(time.process_time() - started)
"""
UNPACK = """
import gzip, sys, time
started = time.process_time()
with gzip.open(sys.argv[1] + "/log.jsonl.gz") as packed:
    while packed.read(1 << 20):
        pass
print(time.process_time() - started)
"""


def main() -> None:
    """Print the CPU seconds of each way of loading, and what the goal compares."""
    arguments = _arguments()
    rows = int(float(arguments.rows))
    seconds: dict[str, list[float]] = {name: [] for name in (PARQUET, JSON, SEEN, UNPACKED)}
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), rows)
        for _ in range(arguments.rounds):
            for name, entry in ENTRIES.items():
                seconds[name].append(_load(Path(folder), entry, rows))
            seconds[UNPACKED].append(_run(UNPACK, folder))
    results = results_text(seconds, rows)
    print(results)
    partial = [] if rows == FULL else [f"not {FULL:,} rows"]
    partial += [] if arguments.rounds >= FULL_ROUNDS else [f"--rounds below {FULL_ROUNDS}"]
    print(finish("json_lines", results, "; ".join(partial)))


def results_text(seconds: dict[str, list[float]], rows: int) -> str:
    """Return a line per way of loading, and the CPU seconds of JSON as a multiple of Parquet's, unpacking set aside."""
    lines = [
        f"{rows:,} events, {name}: {median(each):.1f} CPU s, median of {len(each)}" for name, each in seconds.items()
    ]
    ratio = (median(seconds[JSON]) - median(seconds[UNPACKED])) / median(seconds[PARQUET])
    goal = f"at most {MOST}: {'holds' if ratio <= MOST else 'FAILS'}"
    return "\n".join([*lines, f"({JSON} - {UNPACKED}) / {PARQUET}: {ratio:.2f}; {goal}"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.json_lines", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--rows", default="1e6", help="events; default: 1e6")
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS, help="loadings of each way; default: 3")
    return parser.parse_args()


def _write(folder: Path, rows: int) -> None:
    """Write the events in both forms, and the accounts."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE log AS {EVENTS.format(rows=rows)}")
        connection.execute(f"COPY log TO '{folder / 'log.jsonl.gz'}' (FORMAT json, COMPRESSION gzip)")
        connection.execute(f"COPY log TO '{folder / 'log.parquet'}' (FORMAT parquet)")
        accounts = "SELECT DISTINCT account_id, '2023-01-01' AS created_at FROM log"
        connection.execute(f"COPY ({accounts}) TO '{folder / 'accounts.parquet'}' (FORMAT parquet)")


def _load(folder: Path, entry: str, rows: int) -> float:
    """Load the events of one form into a store of its own; return the CPU seconds."""
    with tempfile.TemporaryDirectory() as store:
        toml = (
            f'store = "{store}"\n[files]\naccounts = "accounts.parquet"\nlog = {entry}\n'
            f'[tables]\nevents = "{SELECT}"\n'
        )
        (folder / FILE_NAME).write_text(toml, encoding="utf-8")
        return _run(LOAD, str(folder), str(rows))


def _run(code: str, *arguments: str) -> float:
    command = [sys.executable, "-c", code, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
