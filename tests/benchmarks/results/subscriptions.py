"""The value of subscriptions against ground truth: `python -m tests.benchmarks.results.subscriptions`.

Trains on the demo world of each seed as a user would, and compares CLV, its 80 % interval and the order of the list
with the true 12-month margins at the month starts whose outcomes training did not know; and, at the newest one, churn
probabilities before and after training fitted its recipe again. A full run rewrites the section `subscriptions` of
tests/benchmarks/README.md; 10 minutes per seed on two cores.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from rich.table import Table

from tests.benchmarks.report import claims_table, finish, plain_text
from tests.benchmarks.yardsticks.goals import value_claims
from tests.benchmarks.yardsticks.results import results_of
from tests.benchmarks.yardsticks.tables import refit_table, value_table
from tests.benchmarks.yardsticks.trained import train_on_world
from undertow.features.simulator import WORLDS
from undertow.features.simulator.branches import PATHS
from undertow.serving.cli.console import progress
from undertow.serving.cli.print_model import values_table

SEEDS = [7, 8, 11]


def main() -> None:
    """Print the tables of every seed, and write those of a full run to tests/benchmarks/README.md."""
    arguments = _arguments()
    printed: list[str | Table] = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder, progress() as report_progress:
            trained = train_on_world(WORLDS["demo"], seed, Path(folder), report_progress)
            results = results_of(trained, None, arguments.paths, arguments.cache)
        growth = trained.bundle.growth
        printed += [
            f"Seed {seed}. Growth of MRR while accounts stay: {growth.mean:+.1%} per year in the mean.",
            value_table(results, trained.bundle),
            claims_table("Goals", value_claims(results, trained.bundle)),
            "As `train` judges it, on training accounts that the models did not learn from:",
            values_table(trained.report.values),
            refit_table(results[-1], trained.bundle.headline),
        ]
        print(plain_text(*printed[-6:]), flush=True)
    partial = [] if arguments.seeds == SEEDS else ["--seeds"]
    partial += [] if arguments.paths == PATHS else ["--paths"]
    print(finish("subscriptions", plain_text(*printed), "; ".join(partial)))


def _arguments() -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.results.subscriptions", description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="seeds of the worlds; default: 7 8 11")
    parser.add_argument("--paths", type=int, default=PATHS, help="simulated futures per account; default: %(default)s")
    parser.add_argument("--cache", type=Path, help="folder that keeps the simulated futures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
