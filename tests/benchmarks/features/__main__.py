"""CPU seconds, memory and disk of feature computation: our slot plan beside the range join and four other tools.

    python -m tests.benchmarks.features [--events 1e6 1e7 1e8] [--rounds 3] [--only NAME ...] [--keep DIR]

60 columns, 20 measures over 7, 30 and 90 days, at 12 month starts, Parquet in to Parquet out. Each contender
runs in a process of its own, one after the other; the numbers are CPU seconds, user and system, children
included, median of the rounds. "Work" leaves out the imports of the process. Compare numbers of one run
only: machines differ, and other processes may be running.

At 100 million events the slot plan runs within 2 GB of memory, and its values are compared with those that the range
join computes for 1,000 accounts. The log takes 4 GB of disk; it is removed afterwards unless --keep is given.

A full run (1e6, 1e7 and 1e8 events, 3 rounds or more, every contender) also rewrites the section `features` of
tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.features.contenders import CONTENDERS, HUNDRED, MILLION, MODULE, NEEDS, TEN, Contender
from tests.benchmarks.features.costs import Cost, Costs, costs_table, failures, finished, ratios_table
from tests.benchmarks.features.goals import goal_claims
from tests.benchmarks.features.one_run import RunFailed, data_of, job_of, last_line, output_of, run, write_job
from tests.benchmarks.peers.difference import Difference
from tests.benchmarks.report import claims_table, finish, plain_text

FULL_ROUNDS = 3


def main() -> None:
    """Run every contender, print what each cost, and write the results of a full run to the results file."""
    arguments = _arguments()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        results, partial = _measure(arguments, arguments.keep)
    else:
        with tempfile.TemporaryDirectory(prefix="undertow-bench-") as folder:
            results, partial = _measure(arguments, Path(folder))
    print(f"\n{results_text(results)}")
    print(finish("features", results_text(results), partial))
    if finished(results) != results:
        raise SystemExit(1)


def results_text(costs: Costs) -> str:
    """Return the tables of costs, ratios and goals; contenders that did not finish are named below."""
    ratios = ratios_table(costs)
    tables = [costs_table(costs), *([ratios] if ratios.row_count else [])]
    return plain_text(*tables, claims_table("Goals", goal_claims(costs)), failures(costs))


def _measure(arguments: argparse.Namespace, keep: Path) -> tuple[Costs, str]:
    """Run the contenders on every log; return their costs, and why the run is not a full one."""
    chosen = [each for each in CONTENDERS if not arguments.only or each.name in arguments.only]
    ready = [each for each in chosen if _is_ready(each, keep / "envs")]
    if any(each.code == "to_lightgbm" for each in ready):
        _make(keep / "numbers.parquet", "to_lightgbm", "make")
    sizes = {int(float(events)) for events in arguments.events}
    costs: Costs = {}
    for events in sorted(sizes):
        _run_all([each for each in ready if events in each.sizes], events, arguments.rounds, keep, costs)
    return costs, _partial(arguments, sizes, [each.name for each in chosen if each not in ready])


def _run_all(contenders: list[Contender], events: int, rounds: int, keep: Path, costs: Costs) -> None:
    """Run the contenders on a log of this many events, round by round, and compare their values."""
    _make(data_of(keep, events), "event_log", str(events))
    for contender in contenders:
        if contender.code == "in_command":
            _load_project(contender, events, keep)
    for number in range(1 if events > TEN else rounds):
        for contender in contenders:
            if number < contender.rounds:
                _run(contender, events, keep, costs.setdefault((contender.name, events), Cost()))
    for contender in contenders:
        _compare(contender, events, keep, costs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.features", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--events", nargs="+", default=["1e6", "1e7", "1e8"],
                        help="sizes of the event log, in events; default: 1e6 1e7 1e8")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS,
                        help="runs per contender, default 3; fewer of slow contenders, one above 1e7")  # fmt: skip
    parser.add_argument("--only", nargs="+", choices=[each.name for each in CONTENDERS], default=[], metavar="NAME",
                        help="run these contenders only: " + "; ".join(each.name for each in CONTENDERS))  # fmt: skip
    parser.add_argument("--keep", metavar="DIR", type=Path,
                        help="folder where events, environments and outputs stay for the next run; by default they "
                        "lie in the folder for temporary files and are removed")  # fmt: skip
    return parser.parse_args()


def _partial(arguments: argparse.Namespace, sizes: set[int], left_out: list[str]) -> str:
    """Return why a run is not a full one, or "" if it is."""
    reasons = []
    if not {MILLION, TEN, HUNDRED} <= sizes:
        reasons.append("--events without 1e6, 1e7 and 1e8")
    if arguments.rounds < FULL_ROUNDS:
        reasons.append(f"--rounds below {FULL_ROUNDS}")
    if arguments.only:
        reasons.append("--only")
    if left_out:
        reasons.append(f"without {', '.join(left_out)}")
    return "; ".join(reasons)


# --- environments, event logs and projects ----------------------------------------------------


def _is_ready(contender: Contender, envs: Path) -> bool:
    """Make the contender's environment if it has one of its own; return False, printing why, if it cannot run."""
    if contender.job.get("engine") == "spark" and (find_spec("pyspark") is None or shutil.which("java") is None):
        print(f"{contender.name}: left out, PySpark or Java is not installed", flush=True)
        return False
    if not contender.env or (envs / contender.env / "ready").exists():
        return True
    environment = envs / contender.env
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(environment)],
        [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *NEEDS[contender.env]],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{contender.name}: left out, {last_line(done.stderr)}", flush=True)
            return False
    (environment / "ready").touch()
    return True


def _make(target: Path, code: str, how: str) -> None:
    """Write the input data that contenders read, unless an earlier run did."""
    ready = target.with_name(f"{target.name}.ready")
    if not ready.exists():
        print(f"making {target.name}", flush=True)
        subprocess.run([sys.executable, "-m", f"{MODULE}.{code}", str(target), how], check=True)
        ready.touch()


def _load_project(contender: Contender, events: int, keep: Path) -> None:
    """Load the tables of the project that the command runs on: what it would otherwise do first, once."""
    job = write_job(job_of(contender, events, keep))
    subprocess.run([sys.executable, "-m", f"{MODULE}.{contender.code}", str(job), "load"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


# --- one run, and its values -------------------------------------------------------------------


def _run(contender: Contender, events: int, keep: Path, cost: Cost) -> None:
    """Run a contender once, add what it used to `cost` and print it."""
    try:
        used = run(contender, events, keep)
    except RunFailed as failure:
        cost.failed = str(failure)
        print(f"{contender.name:22} {events:>12,} events FAILED: {cost.failed[:200]}", flush=True)
        return
    cost.runs.append(used)
    disk = "" if contender.limit is None else f" of {contender.limit:g}, disk {used.disk:.2f} GB"
    print(f"{contender.name:22} {events:>12,} events {used.whole:8.2f} s, peak {used.peak:.2f} GB{disk}", flush=True)


def _compare(contender: Contender, events: int, keep: Path, costs: Costs) -> None:
    """Count the values of a contender that differ from those it is compared with, if both finished."""
    pair = (contender.against, contender.name)
    if not all((name, events) in finished(costs) for name in pair):
        return
    one, other = (output_of(each, events, keep) for name in pair for each in CONTENDERS if each.name == name)
    command = [sys.executable, "-m", f"{MODULE}.compare", str(one), str(other)]
    command += ["sample"] if "accounts" in contender.job else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    costs[contender.name, events].difference = Difference(**json.loads(done.stdout))


if __name__ == "__main__":
    main()
