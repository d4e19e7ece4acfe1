"""What training costs where accounts are many: `python -m tests.benchmarks.training DEMO`, where `undertow demo` ran.

Each size runs in a process of its own. Prints tables and rewrites the section `training` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.report import finish

SIZES = (50_000, 100_000, 200_000)  # accounts
GOAL_ACCOUNTS, GOAL_MINUTES, GOAL_GB = 1_000_000, 30.0, 8.0
PART = 5_000  # snapshots of the demo that it learns from once more, to see what drawing them does to the total
SPENDERS, SPEND_MINUTES, SPEND_GB = 200_000, 10.0, 4.0


@dataclass(frozen=True)
class Cost:
    """What one run took: minutes and peak of resident memory in GB by step, and what it learned from and predicted.

    `total`: predicted / observed leavers of the held-out test; None for copies, which say nothing of it.
    """

    accounts: int
    snapshots: int
    learned: int
    minutes: dict[str, float]
    peaks: dict[str, float]
    total: float | None

    @property
    def whole(self) -> float:
        """Return the minutes of all steps."""
        return sum(self.minutes.values())


def main() -> None:
    """Run every size, print what it cost, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--keep", type=Path, help="folder in which the copies are kept for the next run")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keep = given.keep or Path(folder)
        costs = [Cost(**_run("churn_run", given.project, keep, size, 0)) for size in (0, *given.sizes)]
        costs.insert(1, Cost(**_run("churn_run", given.project, keep, 0, PART)))
        spend = _run("spend_run", keep, SPENDERS)
    text = "\n\n".join([churn_text(costs), spend_text(spend)])
    print(text)
    partial = "" if tuple(given.sizes) == SIZES else "--sizes"
    print(finish("training", text, partial))


def churn_text(costs: list[Cost]) -> str:
    """Return a line per size, and what 1,000,000 accounts would cost.

    Minutes and memory of labels are taken to grow on as between the two largest sizes. What is learned from is
    bounded, so that those of fits do not grow with the accounts: they are the largest of all sizes.
    """
    steps = list(costs[0].minutes)
    head = f"{'accounts':>9} {'snapshots':>11} {'learned from':>12} " + " ".join(f"{step:>10}" for step in steps)
    lines = ["Minutes by step, peak memory by step in the same order, and predicted / observed of the held-out test",
             f"{head} {'all':>6} {'peak GB':>21} {'pred. / obs.':>12}"]  # fmt: skip
    for cost in costs:
        minutes = " ".join(f"{cost.minutes[step]:>10.2f}" for step in steps)
        peaks = " ".join(f"{cost.peaks[step]:.2f}" for step in steps)
        total = "" if cost.total is None else f"{cost.total:.3f}"
        lines.append(f"{cost.accounts:>9,} {cost.snapshots:>11,} {cost.learned:>12,} {minutes} {cost.whole:>6.1f} "
                     f"{peaks:>21} {total:>12}")  # fmt: skip
    grows = [step for step in steps if step.startswith("labels")]
    minutes = sum(_at_goal([(cost.accounts, cost.minutes[step]) for cost in costs]) for step in grows)
    minutes += sum(max(cost.minutes[step] for cost in costs) for step in steps if step not in grows)
    of_labels = max(_at_goal([(cost.accounts, cost.peaks[step]) for cost in costs]) for step in grows)
    of_fits = max(cost.peaks[step] for cost in costs for step in steps if step not in grows)
    lines.append(
        f"{GOAL_ACCOUNTS:,} accounts, not measured: {minutes:.0f} minutes (goal {GOAL_MINUTES:.0f}), "
        f"{max(of_labels, of_fits):.1f} GB (goal {GOAL_GB:.0f}); {of_labels:.1f} GB of labels by a line through the "
        f"two largest sizes, {of_fits:.1f} GB of fits as the largest of all sizes."
    )
    lines.append(
        f"The first line is the demo itself, the second the same with {PART:,} snapshots drawn, the others copies of "
        "its accounts: they cost what as many accounts would, and say nothing of how good a model is."
    )
    return "\n".join(lines)


def spend_text(spend: dict[str, float]) -> str:
    """Return what fitting and predicting the spend of many customers cost."""
    whole = spend["fit"] + spend["predict"]
    return (
        f"Spend of {SPENDERS:,} simulated customers with {spend['purchases']:,.0f} purchases: fitted in "
        f"{spend['fit']:.1f} minutes, predicted in {spend['predict']:.1f}: {whole:.1f} (goal {SPEND_MINUTES:.0f}); "
        f"peak memory {spend['peak']:.2f} GB (goal {SPEND_GB:.0f})."
    )


def _at_goal(points: list[tuple[int, float]]) -> float:
    """Return the value at the goal's number of accounts, of a straight line through the last two (accounts, value).

    Where the larger of the two costs no more, which is noise, the line is through the last one and zero.
    """
    (x, y), (x_last, y_last) = points[-2:]
    if y_last <= y:
        return y_last * GOAL_ACCOUNTS / x_last
    return y_last + (GOAL_ACCOUNTS - x_last) * (y_last - y) / (x_last - x)


def _run(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module of this folder in a process of its own and return what it printed last, as JSON."""
    command = [sys.executable, "-m", f"tests.benchmarks.training.{module}", *(str(each) for each in arguments)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    print(found, file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
