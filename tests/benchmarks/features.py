"""What features cost: our slot plan beside the range join, Polars, pandas, Featuretools and Spark.

    python -m tests.benchmarks.features --events 1e6 1e7 [1e8] --rounds 3 [--only NAME ...] [--keep DIR]

60 columns, 20 measures over 7, 30 and 90 days, at 12 month starts, Parquet in to Parquet out. Each contender
runs in a process of its own and is asked in turn; the numbers are CPU seconds, user and system, children
included, median of the rounds. "Work" leaves out what a process needs to import. Compare within one run
only: machines differ, and others may be working on this one.
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


@dataclass(frozen=True)
class Contender:
    """Who computes, from which code, in which environment; `job`: what its job says beside the usual.

    `events`: the fewest and most it is asked for; `is_slow`: once is enough.
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
        """Return what to run."""
        if self.env:
            return [str(envs / self.env / "bin" / "python"), str(PEERS / f"{self.code}.py"), str(job)]
        return [sys.executable, "-m", f"{MODULE}.{self.code}", str(job), self.what]


@dataclass
class Cost:
    """CPU seconds of a whole process and of its work alone, one a round; peak memory in GB.

    `differing`: how many values are not those of the slot plan; `failed`: the last words of who did not finish.
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
    """Make the data and the environments, let everybody run, print what it cost."""
    asked = _arguments()
    asked.keep.mkdir(parents=True, exist_ok=True)
    costs: Costs = {}
    chosen = [each for each in CONTENDERS if not asked.only or each.name in asked.only]
    ready = [each for each in chosen if _is_ready(each, asked.keep / "envs")]
    if any(each.code == "to_lightgbm" for each in ready):
        _make(asked.keep / "numbers.parquet", "to_lightgbm", "make")
    sizes = sorted({*(int(float(events)) for events in asked.events), *_for_spark(ready)})
    for events in sizes:
        _make(_data(asked.keep, events), "event_log", str(events))
        taking_part = [each for each in ready if each.events[0] <= events <= each.events[1]]
        for number in range(1 if events > TEN else asked.rounds):
            for contender in taking_part:
                if number == 0 or not contender.is_slow:
                    _run(contender, events, asked.keep, costs.setdefault((contender.name, events), Cost()))
        for contender in taking_part:
            if contender.is_compared and not costs[contender.name, events].failed:
                _compare(contender, events, asked.keep, costs)
    _print({asked_of: cost for asked_of, cost in costs.items() if not cost.failed})
    if any(cost.failed for cost in costs.values()):
        raise SystemExit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", nargs="+", default=["1e6", "1e7"])
    parser.add_argument("--rounds", type=int, default=3, help="above 10M events, and who takes minutes: one")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in CONTENDERS], default=[])
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "undertow-bench",
                        help="where events, environments and answers stay for the next run")  # fmt: skip
    return parser.parse_args()


def _for_spark(ready: list[Contender]) -> list[int]:
    return [each.events[0] for each in ready if each.name.startswith("spark")]


# --- what they need --------------------------------------------------------------------------


def _is_ready(contender: Contender, envs: Path) -> bool:
    """Make the contender's environment if it has one of its own; say why it is left out."""
    if contender.job.get("engine") == "spark" and (find_spec("pyspark") is None or shutil.which("java") is None):
        print(f"{contender.name}: left out, PySpark or Java is not there", flush=True)
        return False
    if not contender.env or (envs / contender.env / "ready").exists():
        return True
    made = envs / contender.env
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(made)],
        [str(made / "bin" / "python"), "-m", "pip", "install", "--quiet", *NEEDS[contender.env]],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{contender.name}: left out, {(done.stderr.strip() or 'no reason').splitlines()[-1]}", flush=True)
            return False
    (made / "ready").touch()
    return True


def _make(target: Path, code: str, how: str) -> None:
    """Write what contenders read, once."""
    made = target.with_name(f"{target.name}.ready")
    if not made.exists():
        print(f"making {target.name}", flush=True)
        subprocess.run([sys.executable, "-m", f"{MODULE}.{code}", str(target), how], check=True)
        made.touch()


def _data(keep: Path, events: int) -> Path:
    return keep / f"events-{events}"


def _answer(contender: Contender, events: int, keep: Path) -> Path:
    return keep / "answers" / f"{contender.name} {events}".replace(" ", "-")


# --- one run ---------------------------------------------------------------------------------


def _run(contender: Contender, events: int, keep: Path, cost: Cost) -> None:
    """Run a contender once and note its CPU seconds and peak memory."""
    answer = _answer(contender, events, keep)
    shutil.rmtree(answer, ignore_errors=True)
    answer.parent.mkdir(parents=True, exist_ok=True)
    job = answer.parent / f"{answer.name}.json"
    asked = {"data": str(_data(keep, events)), "out": str(answer), "as_ofs": AS_OFS, **contender.job}
    asked["numbers"] = str(keep / "numbers.parquet")
    job.write_text(json.dumps(asked), encoding="utf-8")
    said = answer.parent / f"{answer.name}.txt"
    with said.open("w", encoding="utf-8") as log:
        command = contender.command(job, keep / "envs")
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **THREADS})
        _, status, used = os.wait4(process.pid, 0)  # the numbers of this child and of those it waited for
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        cost.failed = (said.read_text(encoding="utf-8").strip() or "no reason").splitlines()[-1]
        print(f"{contender.name:22} {events:>12,} events FAILED: {cost.failed[:200]}", flush=True)
        return
    whole = used.ru_utime + used.ru_stime
    ready = next(line for line in said.read_text(encoding="utf-8").splitlines() if line.startswith("ready "))
    cost.whole.append(whole)
    cost.work.append(whole - float(ready.split()[1]))
    cost.peak = max(cost.peak, used.ru_maxrss / 1024**2)
    print(f"{contender.name:22} {events:>12,} events {whole:8.2f} s, peak {cost.peak:.2f} GB", flush=True)


def _compare(contender: Contender, events: int, keep: Path, costs: Costs) -> None:
    slots = "spark slots" if contender.name.startswith("spark") else "slots"
    if (slots, events) not in costs or costs[slots, events].failed:
        return
    ours = next(each for each in CONTENDERS if each.name == slots)
    pair = [str(_answer(each, events, keep)) for each in (ours, contender)]
    command = [sys.executable, "-m", f"{MODULE}.compare", *pair]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    costs[contender.name, events].differing = done.stdout.strip().removeprefix("mismatches ")


# --- the tables ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """A number that two costs yield, and what it should be; `at`: the events each is taken at."""

    said: str
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


def _print(costs: Costs) -> None:
    print("\nCPU seconds, median:\n" + _line("what", "events", "rounds", "whole", "work", "peak GB", "other values"))
    for (name, events), cost in costs.items():
        whole, work = f"{median(cost.whole):.2f}", f"{median(cost.work):.2f}"
        print(_line(name, f"{events:,}", str(len(cost.whole)), whole, work, f"{cost.peak:.2f}", cost.differing))
    print("\nRatios; a goal is judged by the work:\n" + _row("what", "work", "whole", "goal", ""))
    for goal in GOALS:
        if goal.above in costs and goal.below in costs:
            _print_goal(goal, costs)
    for (name, events), cost in costs.items():
        if name == "slots in 2GB":
            _print_limit(f"peak GB under a limit of 2 GB, {events:,}", cost.peak, MOST_MEMORY)
    differing = [cost.differing for cost in costs.values() if cost.differing]
    if differing:
        _print_limit("values that differ from the slot plan's", sum(int(said.split()[0]) for said in differing), 0)


def _print_goal(goal: Goal, costs: Costs) -> None:
    def ratio(of: Callable[[Cost], list[float]]) -> float:
        return median(of(costs[goal.above])) / median(of(costs[goal.below]))

    work, whole = ratio(lambda cost: cost.work), ratio(lambda cost: cost.whole)
    if goal.limit is None:
        print(_row(goal.said, f"{work:.2f}", f"{whole:.2f}", "", ""))
        return
    is_met = work <= goal.limit if goal.is_most else work >= goal.limit
    wanted = f"{'at most' if goal.is_most else 'at least'} {goal.limit:g}"
    print(_row(goal.said, f"{work:.2f}", f"{whole:.2f}", wanted, "met" if is_met else "MISSED"))


def _print_limit(said: str, found: float, limit: float) -> None:
    print(_row(said, f"{found:.3g}", "", f"at most {limit:g}", "met" if found <= limit else "MISSED"))


def _line(*parts: str) -> str:
    return "{:22} {:>12} {:>7} {:>8} {:>8} {:>8}  {}".format(*parts).rstrip()


def _row(*parts: str) -> str:
    return "{:48} {:>8} {:>8}  {:14} {}".format(*parts).rstrip()


if __name__ == "__main__":
    main()
