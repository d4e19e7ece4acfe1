"""CPU seconds of loading an event log: this release, and another checkout of the project beside it.

    python -m tests.benchmarks.loading --events 1e7 --rounds 3 [--beside FOLDER]

`FOLDER`: a checkout of another release, read by the same Python. Each reading is a process of its own, in turns;
the numbers are CPU seconds, user and system, median of the rounds. Compare ratios of one run only. A run on ten
million events beside another release also rewrites the section `loading` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.benchmarks.report import finish

HERE = Path(__file__).parents[2]
FULL = 10_000_000
SETTINGS = """
[files]
log = "events/*/events.parquet"
owners = "accounts.parquet"
[tables]
accounts = "SELECT account_id, TIMESTAMP '2023-01-01' AS created_at FROM owners"
events = "SELECT * EXCLUDE (month) FROM log"
subscriptions = '''SELECT account_id, account_id AS subscription_id, TIMESTAMP '2023-06-01' AS started_at, 50 AS mrr
FROM owners'''
[engine]
memory_limit = "6GB"
"""
READ = """
import sys, resource, datetime
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.features.sources.load import load_tables
tables = load_tables(load_settings(Path(sys.argv[1])), datetime.datetime(2026, 2, 1))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, sum(report.kept for report in tables.reports))
"""


def main() -> None:
    """Print the CPU seconds of loading, and the ratio to the other release."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.loading", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--events", default="1e7", help="size of the event log, in events; default: 1e7")
    parser.add_argument("--rounds", type=int, default=3, help="readings per release; default: 3")
    parser.add_argument("--beside", type=Path, help="a checkout of another release")
    arguments = parser.parse_args()
    events = int(float(arguments.events))
    releases = {"this release": HERE} | ({"the other": arguments.beside.resolve()} if arguments.beside else {})
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        command = [sys.executable, "-m", "tests.benchmarks.peers.event_log", folder, str(events)]
        subprocess.run(command, check=True, cwd=HERE)
        (project / "undertow.toml").write_text(SETTINGS, encoding="utf-8")
        seconds: dict[str, list[float]] = {name: [] for name in releases}
        for _ in range(arguments.rounds):
            for name, checkout in releases.items():
                seconds[name].append(_read(project, checkout))
    lines = [f"{name}: {median(each):.1f} CPU seconds for {events:,} events" for name, each in seconds.items()]
    results = "\n".join(lines)
    if arguments.beside:
        results += f"\nratio: {median(seconds['this release']) / median(seconds['the other']):.2f}"
    print(results)
    partial = "" if events == FULL and arguments.beside else "not ten million events beside another release"
    print(finish("loading", results, partial))


def _read(project: Path, checkout: Path) -> float:
    """Return the CPU seconds in which a checkout reads the project, its imports included."""
    shutil.rmtree(project / "store", ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "undertow"
        package.mkdir()
        for floor in ("features", "training", "serving"):
            (package / floor).symlink_to(checkout / floor)
        environment = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run([sys.executable, "-c", READ, str(project)], check=True, capture_output=True, text=True,
                              env=environment, cwd=folder)  # fmt: skip
    used, kept = done.stdout.splitlines()[-1].split()
    print(f"  {checkout.name}: {float(used):.1f} s, {int(kept):,} rows kept", flush=True)
    return float(used)


if __name__ == "__main__":
    main()
