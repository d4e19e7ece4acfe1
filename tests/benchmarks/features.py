"""CPU seconds and peak memory of feature computation: our slot plan beside the range join and four other tools.

    python -m tests.benchmarks.features --events 1e6 1e7 [1e8] --rounds 3 [--only NAME ...] [--keep DIR]

60 columns, 20 measures over 7, 30 and 90 days, at 12 month starts, Parquet in to Parquet out. Each contender
runs in a process of its own, one after the other; the numbers are CPU seconds, user and system, children
included, median of the rounds. "Work" leaves out the imports of the process. Compare numbers of one run
only: machines differ, and other processes may be running.

A full run (1e6 and 1e7 events, 3 rounds or more, every contender) also rewrites the section `features` of
tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from tests.benchmarks.report import finish

PEERS = Path(__file__).parent / "peers"
MODULE = "tests.benchmarks.peers"
AS_OFS = [f"2025-{month:02}-01" for month in range(2, 13)] + ["2026-01-01"]
NEEDS = {
    "polars": ["polars>=2,<3"],
    "pandas": ["pandas>=3,<4", "pyarrow"],
    "featuretools": ["featuretools==1.31.0", "pandas==2.2.3", "numpy<2", "pyarrow<20", "setuptools<81"],
}
THREADS = {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2", "TQDM_DISABLE": "1"}
MILLION, TEN, HUNDRED = 1_000_000, 10_000_000, 100_000_000
SPARK_EVENTS = 100_000
FULL_ROUNDS = 3


@dataclass(frozen=True)
class Contender:
    """One way to compute the features: a module of tests/benchmarks/peers, and the environment that it runs in.

    `what`: the second argument of the module. `env`: "" for our own environment. `job`: entries of the job file
    that differ from the usual ones. `events`: (fewest, most) events in the log that it is run on. `is_slow`: run
    in the first round only. `is_compared`: its values are compared with those of the slot plan.
    """

    name: str
    code: str
    what: str = ""
    env: str = ""
    job: dict[str, object] = field(default_factory=dict)
    events: tuple[int, int] = (MILLION, TEN)
    is_slow: bool = False
    is_compared: bool = False

    def command(self, job: Path, envs: Path) -> list[str]:
        """Return the command line of one run."""
        if self.env:
            return [str(envs / self.env / "bin" / "python"), str(PEERS / f"{self.code}.py"), str(job)]
        return [sys.executable, "-m", f"{MODULE}.{self.code}", str(job), self.what]


@dataclass
class Cost:
    """CPU seconds of a whole process and of its work without imports, one per round; peak memory in GB.

    `differing`: number of values that differ from the slot plan's, as text. `failed`: last line of output of a
    run that did not finish.
    """

    whole: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    peak: float = 0.0
    differing: str = ""
    failed: str = ""


CATALOGUE = {"columns": "catalogue"}
SPARK = {"engine": "spark"}
CONTENDERS = (
    Contender("slots", "ours", "slots", events=(MILLION, HUNDRED)),
    Contender("range join", "ours", "range join", is_compared=True),
    Contender("floor", "ours", "floor", events=(MILLION, HUNDRED)),
    Contender("one as_of", "ours", "slots", job={"as_ofs": AS_OFS[-1:]}),
    Contender("slots in 2GB", "ours", "slots", job={"memory_limit": "2GB"}, events=(TEN, HUNDRED)),
    Contender("polars", "in_polars", env="polars", is_compared=True),
    Contender("pandas", "in_pandas", env="pandas", is_compared=True),
    Contender("featuretools", "in_featuretools", env="featuretools", events=(MILLION, MILLION), is_slow=True,
              is_compared=True),
    Contender("catalogue slots", "ours", "slots", job=CATALOGUE),
    Contender("catalogue range join", "ours", "range join", job=CATALOGUE, is_slow=True),
    Contender("spark slots", "ours", "slots", job=SPARK, events=(SPARK_EVENTS, SPARK_EVENTS), is_slow=True),
    Contender("spark range join", "ours", "range join", job=SPARK, events=(SPARK_EVENTS, SPARK_EVENTS), is_slow=True,
              is_compared=True),
    Contender("arrow to lightgbm", "to_lightgbm", "arrow", events=(MILLION, MILLION)),
    Contender("pandas to lightgbm", "to_lightgbm", "pandas", events=(MILLION, MILLION)),
)  # fmt: skip
Costs = dict[tuple[str, int], Cost]


def main() -> None:
    """Run every contender, print what each cost, and write the results of a full run to the results file."""
    arguments = _arguments()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    chosen = [each for each in CONTENDERS if not arguments.only or each.name in arguments.only]
    ready = [each for each in chosen if _is_ready(each, arguments.keep / "envs")]
    if any(each.code == "to_lightgbm" for each in ready):
        _make(arguments.keep / "numbers.parquet", "to_lightgbm", "make")
    sizes = {int(float(events)) for events in arguments.events}
    costs: Costs = {}
    for events in sorted({*sizes, *_for_spark(ready)}):
        _run_all(ready, events, arguments.rounds, arguments.keep, costs)
    results = results_text(costs)
    print(f"\n{results}")
    print(finish("features", results, _partial(arguments, sizes, [each.name for each in chosen if each not in ready])))
    if any(cost.failed for cost in costs.values()):
        raise SystemExit(1)


def _run_all(ready: list[Contender], events: int, rounds: int, keep: Path, costs: Costs) -> None:
    """Run the contenders on a log of this many events, round by round, and compare their values."""
    _make(_data(keep, events), "event_log", str(events))
    contenders = [each for each in ready if each.events[0] <= events <= each.events[1]]
    for number in range(1 if events > TEN else rounds):
        for contender in contenders:
            if number == 0 or not contender.is_slow:
                _run(contender, events, keep, costs.setdefault((contender.name, events), Cost()))
    for contender in contenders:
        if contender.is_compared and not costs[contender.name, events].failed:
            _compare(contender, events, keep, costs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.features", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--events", nargs="+", default=["1e6", "1e7"],
                        help="sizes of the event log, in events; default: 1e6 1e7")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=FULL_ROUNDS,
                        help="runs per contender, default 3; above 1e7 events, and for slow contenders, one")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in CONTENDERS], default=[], metavar="NAME",
                        help="run these contenders only: " + ", ".join(each.name for each in CONTENDERS))  # fmt: skip
    parser.add_argument("--keep", metavar="DIR", type=Path, default=Path(tempfile.gettempdir()) / "undertow-bench",
                        help="folder where events, environments and outputs stay for the next run; "
                        "default: undertow-bench in the folder for temporary files")  # fmt: skip
    return parser.parse_args()


def _for_spark(ready: list[Contender]) -> list[int]:
    return [each.events[0] for each in ready if each.name.startswith("spark")]


def _partial(arguments: argparse.Namespace, sizes: set[int], left_out: list[str]) -> str:
    """Return why a run is not a full one, or "" if it is."""
    reasons = []
    if not {MILLION, TEN} <= sizes:
        reasons.append("--events without 1e6 and 1e7")
    if arguments.rounds < FULL_ROUNDS:
        reasons.append(f"--rounds below {FULL_ROUNDS}")
    if arguments.only:
        reasons.append("--only")
    if left_out:
        reasons.append(f"without {', '.join(left_out)}")
    return "; ".join(reasons)


# --- environments and event logs --------------------------------------------------------------------------


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
            print(f"{contender.name}: left out, {_last_line(done.stderr)}", flush=True)
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


def _data(keep: Path, events: int) -> Path:
    return keep / f"events-{events}"


def _output(contender: Contender, events: int, keep: Path) -> Path:
    return keep / "outputs" / f"{contender.name} {events}".replace(" ", "-")


# --- one run ---------------------------------------------------------------------------------


def _run(contender: Contender, events: int, keep: Path, cost: Cost) -> None:
    """Run a contender once and add its CPU seconds and peak memory to `cost`."""
    output = _output(contender, events, keep)
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    job = {"data": str(_data(keep, events)), "out": str(output), "as_ofs": AS_OFS, **contender.job}
    job["numbers"] = str(keep / "numbers.parquet")
    job_file = output.parent / f"{output.name}.json"
    job_file.write_text(json.dumps(job), encoding="utf-8")
    log_file = output.parent / f"{output.name}.txt"
    with log_file.open("w", encoding="utf-8") as log:
        command = contender.command(job_file, keep / "envs")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **THREADS})
        _, status, used = os.wait4(process.pid, 0)  # the usage of this child and of the children it waited for
        process.returncode = os.waitstatus_to_exitcode(status)
    printed = log_file.read_text(encoding="utf-8")
    if process.returncode:
        cost.failed = _last_line(printed)
        print(f"{contender.name:22} {events:>12,} events FAILED: {cost.failed[:200]}", flush=True)
        return
    whole = used.ru_utime + used.ru_stime
    ready = next(line for line in printed.splitlines() if line.startswith("ready "))
    cost.whole.append(whole)
    cost.work.append(whole - float(ready.split()[1]))
    cost.peak = max(cost.peak, used.ru_maxrss / 1024**2)
    print(f"{contender.name:22} {events:>12,} events {whole:8.2f} s, peak {cost.peak:.2f} GB", flush=True)


def _last_line(printed: str) -> str:
    return (printed.strip() or "no reason").splitlines()[-1]


def _compare(contender: Contender, events: int, keep: Path, costs: Costs) -> None:
    """Count the values of a contender that differ from the slot plan's on the same engine."""
    slots = "spark slots" if contender.name.startswith("spark") else "slots"
    if (slots, events) not in costs or costs[slots, events].failed:
        return
    ours = next(each for each in CONTENDERS if each.name == slots)
    pair = [str(_output(each, events, keep)) for each in (ours, contender)]
    command = [sys.executable, "-m", f"{MODULE}.compare", *pair]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    costs[contender.name, events].differing = done.stdout.strip().removeprefix("mismatches ")


# --- the tables ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """A ratio of two costs and the goal set for it; `above`, `below`: (contender, events) of each cost.

    `limit`: None where no goal is set. `is_most`: the limit is the largest ratio allowed, else the smallest.
    """

    label: str
    above: tuple[str, int]
    below: tuple[str, int]
    limit: float | None = None
    is_most: bool = False


GOALS = (
    Goal("range join / slots, 1M", ("range join", MILLION), ("slots", MILLION)),
    Goal("range join / slots, 10M", ("range join", TEN), ("slots", TEN), 8),
    Goal("the same over every event column, 10M", ("catalogue range join", TEN), ("catalogue slots", TEN), 8),
    Goal("Polars / slots, 1M", ("polars", MILLION), ("slots", MILLION), 1.5),
    Goal("Polars / slots, 10M", ("polars", TEN), ("slots", TEN), 1.5),
    Goal("pandas / slots, 1M", ("pandas", MILLION), ("slots", MILLION)),
    Goal("pandas / slots, 10M", ("pandas", TEN), ("slots", TEN)),
    Goal("Featuretools / slots, 1M", ("featuretools", MILLION), ("slots", MILLION), 40),
    Goal("scanning all files / slots, 10M", ("floor", TEN), ("slots", TEN), 0.20),
    Goal("slots, 10M / 1M", ("slots", TEN), ("slots", MILLION)),
    Goal("slots, 100M / 10M", ("slots", HUNDRED), ("slots", TEN), 12, is_most=True),
    Goal("12 as_ofs / the newest alone, 10M", ("slots", TEN), ("one as_of", TEN), 8),
    Goal("slots with 2 GB / with 8 GB, 10M", ("slots in 2GB", TEN), ("slots", TEN)),
    Goal("Spark: range join / slots, 100k", ("spark range join", SPARK_EVENTS), ("spark slots", SPARK_EVENTS)),
    Goal("into LightGBM: pandas / Arrow", ("pandas to lightgbm", MILLION), ("arrow to lightgbm", MILLION)),
)
MOST_MEMORY = 2.3  # GB, under a limit of 2


def results_text(costs: Costs) -> str:
    """Return the tables of costs and of ratios with their goals; contenders that did not finish are named below."""
    finished = {key: cost for key, cost in costs.items() if not cost.failed}
    lines = ["CPU seconds, median:", _line("what", "events", "rounds", "whole", "work", "peak GB", "other values")]
    for (name, events), cost in finished.items():
        whole, work = f"{median(cost.whole):.2f}", f"{median(cost.work):.2f}"
        lines.append(_line(name, f"{events:,}", str(len(cost.whole)), whole, work, f"{cost.peak:.2f}", cost.differing))
    lines += ["", "Ratios; a goal is judged by the work:", _row("what", "work", "whole", "goal", "")]
    lines += [_goal_row(goal, finished) for goal in GOALS if goal.above in finished and goal.below in finished]
    for (name, events), cost in finished.items():
        if name == "slots in 2GB":
            lines.append(_limit_row(f"peak GB under a limit of 2 GB, {events:,}", cost.peak, MOST_MEMORY))
    differing = [int(cost.differing.split()[0]) for cost in finished.values() if cost.differing]
    if differing:
        lines.append(_limit_row("values that differ from the slot plan's", sum(differing), 0))
    failed = [f"{name}, {events:,} events: FAILED" for (name, events), cost in costs.items() if cost.failed]
    return "\n".join([*lines, *(["", *failed] if failed else [])])


def _goal_row(goal: Goal, costs: Costs) -> str:
    def ratio(of: Callable[[Cost], list[float]]) -> float:
        return median(of(costs[goal.above])) / median(of(costs[goal.below]))

    work, whole = ratio(lambda cost: cost.work), ratio(lambda cost: cost.whole)
    if goal.limit is None:
        return _row(goal.label, f"{work:.2f}", f"{whole:.2f}", "", "")
    is_met = work <= goal.limit if goal.is_most else work >= goal.limit
    wanted = f"{'at most' if goal.is_most else 'at least'} {goal.limit:g}"
    return _row(goal.label, f"{work:.2f}", f"{whole:.2f}", wanted, "met" if is_met else "MISSED")


def _limit_row(label: str, value: float, limit: float) -> str:
    return _row(label, f"{value:.3g}", "", f"at most {limit:g}", "met" if value <= limit else "MISSED")


def _line(*parts: str) -> str:
    return "{:22} {:>12} {:>7} {:>8} {:>8} {:>8}  {}".format(*parts).rstrip()


def _row(*parts: str) -> str:
    return "{:48} {:>8} {:>8}  {:14} {}".format(*parts).rstrip()


if __name__ == "__main__":
    main()
