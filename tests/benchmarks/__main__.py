"""All benchmarks of cost in turn. `python -m tests.benchmarks [PROJECT]`.

Each writes its section of tests/benchmarks/README.md; the minutes of all are written to the section `bench`. The first
that fails ends the run. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

from tests.benchmarks.report import Claim, claims_table, finish, plain_text

MOST_MINUTES, CORES = 60, 2


def main() -> None:
    """Run the benchmarks, print their minutes and write these to the results file."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", metavar="PROJECT", nargs="?", default="demo",
                        help="folder of a project with published scores; default: demo")  # fmt: skip
    parser.add_argument("--keep", metavar="DIR", type=Path,
                        help="folder where the event logs and environments of `features` stay for the next run; by "
                        "default they are made anew and removed")  # fmt: skip
    arguments = parser.parse_args()
    kept = ["--keep", str(arguments.keep)] if arguments.keep is not None else []
    is_reused = arguments.keep is not None and arguments.keep.is_dir() and any(arguments.keep.iterdir())
    minutes: dict[str, float] = {}
    failed = ""
    of_demo = [arguments.project]
    parts = {
        "scoring": of_demo, "service": of_demo, "service.pages": of_demo, "json_lines": [], "databases": [],
        "loading": [], "features": kept,
    }  # fmt: skip
    for name, more in parts.items():
        print(f"--- {name}", flush=True)
        started = monotonic()
        done = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", *more])
        minutes[name] = (monotonic() - started) / 60
        if done.returncode:
            failed = f"{name} failed"
            break
    results = plain_text(claims_table("Time", [time_claim(minutes, is_reused, failed)]))
    print(f"\n{results}")
    print(finish("bench", results, failed))
    if failed:
        raise SystemExit(1)


def time_claim(minutes: dict[str, float], is_reused: bool, failed: str = "") -> Claim:
    """Judge the minutes of all benchmarks; `is_reused`: whether files of an earlier run were there.

    `failed`: what ended the run early; the time is not judged then.
    """
    total = sum(minutes.values())
    each = ", ".join(f"{name} {number:.1f}" for name, number in minutes.items())
    files = "with files kept from an earlier run" if is_reused else "event logs and environments made anew"
    measured = f"{total:.0f} minutes on {_cores()} cores: {each}; {files}"
    text = f"all in one go within {MOST_MINUTES} minutes on {CORES} cores"
    return Claim(text, f"{measured}; {failed}" if failed else measured, None if failed else total <= MOST_MINUTES)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
