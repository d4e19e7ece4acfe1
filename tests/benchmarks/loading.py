"""CPU seconds and peak memory of loading an event log, whole and after one percent was added to its files.

    python -m tests.benchmarks.loading --events 1e7 --rounds 3 [--beside FOLDER]

`FOLDER`: a checkout of another release, read beside this one by the same Python. Each reading is a process of its
own, in turns; the numbers are CPU seconds, user and system, median of the rounds, and the peak of resident memory.
Compare ratios of one run only. A run on ten million events, 3 rounds or more, also rewrites the section `loading` of
tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.benchmarks.peers.event_project import write_project
from tests.benchmarks.report import finish

HERE = Path(__file__).parents[2]
THIS, OTHER, AFTER = "this release", "the other", "the next run, with 1% added"
FULL = 10_000_000
FULL_ROUNDS = 3
MEMORY_LIMIT = "2GB"  # what a project has unless it sets another
ADDED = 0.01  # of the events, a month after the newest
MOST_OF_WHOLE = 0.1  # the goal for what is added, as a share of reading all
READ = """
import sys, resource, datetime
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.features.sources.load import load_tables
tables = load_tables(load_settings(Path(sys.argv[1])), datetime.datetime(2026, 3, 1))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e9, sum(report.kept for report in tables.reports))
"""


@dataclass
class Reading:
    """What some readings used: CPU seconds, and GB of resident memory at their peaks."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)


def main() -> None:
    """Print the CPU seconds and the peak memory of loading, and the ratio to the other release."""
    arguments = _arguments()
    events = int(float(arguments.events))
    releases = {OTHER: arguments.beside.resolve()} if arguments.beside else {}
    releases |= {THIS: HERE}  # last, so that its tables are there when rows are added
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        command = [sys.executable, "-m", "tests.benchmarks.peers.event_log", folder, str(events)]
        subprocess.run(command, check=True, cwd=HERE)
        write_project(project, project, MEMORY_LIMIT)
        readings = {name: Reading() for name in releases}
        for _ in range(arguments.rounds):
            for name, checkout in releases.items():
                shutil.rmtree(project / "store", ignore_errors=True)
                _read(project, checkout, readings[name])
        readings[AFTER] = Reading()
        for number in range(arguments.rounds):
            _add_rows(project, int(ADDED * events), number)
            _read(project, HERE, readings[AFTER])
    results = results_text(readings, events)
    print(results)
    partial = [] if events == FULL else [f"not {FULL:,} events"]
    partial += [] if arguments.rounds >= FULL_ROUNDS else [f"--rounds below {FULL_ROUNDS}"]
    print(finish("loading", results, "; ".join(partial)))


def results_text(readings: dict[str, Reading], events: int) -> str:
    """Return a line per kind of reading, the share that added rows take, and the ratio to another release."""
    lines = [
        f"{events:,} events, {name}: {median(each.seconds):.1f} CPU seconds, median of {len(each.seconds)}; "
        f"peak memory {max(each.peaks):.2f} GB, DuckDB's limit {MEMORY_LIMIT.removesuffix('GB')} GB"
        for name, each in readings.items()
    ]
    share = median(readings[AFTER].seconds) / median(readings[THIS].seconds)
    goal = f"at most {MOST_OF_WHOLE:.0%}: {'holds' if share <= MOST_OF_WHOLE else 'FAILS'}"
    lines.append(f"the next run as a share of the first: {share:.1%}; {goal}")
    if OTHER in readings:
        ratio = median(readings[THIS].seconds) / median(readings[OTHER].seconds)
        lines.append(f"{THIS} / {OTHER}: {ratio:.2f}")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.loading", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--events", default="1e7", help="size of the event log, in events; default: 1e7")
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS, help="readings per release; default: 3")
    parser.add_argument("--beside", type=Path, help="a checkout of another release")
    return parser.parse_args()


def _add_rows(project: Path, rows: int, number: int) -> None:
    """Add a file with so many events to the log: those of its newest month again, later and under other ids."""
    newest = max((project / "events").glob("month=2025-*"))
    table = pq.ParquetFile(newest / "events.parquet").read().slice(0, rows)
    later = pa.scalar(timedelta(days=31), pa.duration("us"))
    for name in ("occurred_at", "recorded_at"):
        moved = pc.add(table[name], later)
        table = table.set_column(table.schema.get_field_index(name), name, moved)
    ids = pc.binary_join_element_wise(table["event_id"], f"again{number}", "-")
    folder = project / "events" / f"month=2026-{number + 1:02}"
    folder.mkdir()
    table = table.set_column(table.schema.get_field_index("event_id"), "event_id", ids)
    pq.write_table(table, folder / "events.parquet", store_schema=False)


def _read(project: Path, checkout: Path, reading: Reading) -> None:
    """Let a checkout read the project, and add what that used, its imports included."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "undertow"
        package.mkdir()
        for floor in ("features", "training", "serving"):
            (package / floor).symlink_to(checkout / floor)
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run([sys.executable, "-c", READ, str(project)], check=True, capture_output=True, text=True,
                              env=environment, cwd=folder)  # fmt: skip
    seconds, peak, kept = done.stdout.splitlines()[-1].split()
    reading.seconds.append(float(seconds))
    reading.peaks.append(float(peak))
    print(f"  {checkout.name}: {float(seconds):.1f} s, peak {float(peak):.2f} GB, {int(kept):,} rows kept", flush=True)


if __name__ == "__main__":
    main()
