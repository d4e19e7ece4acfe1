"""The model's predictions against the ground truth of simulated worlds: `make yardsticks`.

Trains on the demo world of each seed as a user would (training never reads the ground truth), then compares its churn
probabilities, CLV and reasons with the ground truth at every as_of whose outcome training did not know. The ceiling
is the same model trained once on ten times the accounts, for all seeds: the best that can be expected from these
records. Claims on noise and planted leaks are checked on the first seed alone.

A full run (every option at its default) also rewrites the section `yardsticks` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from tests.benchmarks.report import Claim, claims_table, finish, plain_text
from tests.benchmarks.yardsticks.causes import planted_causes
from tests.benchmarks.yardsticks.claims import cause_claims, is_stable, sum_is_calibrated
from tests.benchmarks.yardsticks.explained import explain
from tests.benchmarks.yardsticks.goals import goal_claims, value_claims
from tests.benchmarks.yardsticks.noise_and_leaks import leak_claims, noise_claims
from tests.benchmarks.yardsticks.results import results_of
from tests.benchmarks.yardsticks.tables import ranking_table, totals_table, value_table
from tests.benchmarks.yardsticks.trained import TrainedWorld, model_of_world, train_on_world, with_ground_truth
from undertow.features.simulator import WORLDS
from undertow.features.simulator.branches import PATHS
from undertow.features.sources.loaded import Progress
from undertow.serving.cli.console import out, progress
from undertow.training.bundle.bundle import Bundle

CEILING_TIMES, CEILING_SEED = 10, 1007
FULL = {"world": "demo", "seeds": [7, 8, 11], "paths": PATHS}  # options of the run whose results are kept


def main() -> None:
    """Print all yardsticks, and write those of a full run to tests/benchmarks/README.md."""
    arguments = _arguments()
    printed: list[str | Table] = []
    for each in measured(arguments):
        printed.append(each)
        out.print(each)
        out.print()
    out.print(finish("yardsticks", plain_text(*printed), _partial(arguments)), soft_wrap=True)


def _arguments() -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.yardsticks", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", default=FULL["world"], choices=sorted(WORLDS),
                        help="simulated world to train on; default: %(default)s")  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=FULL["seeds"],
                        help="seeds of the worlds; default: 7 8 11")  # fmt: skip
    parser.add_argument("--paths", type=int, default=FULL["paths"],
                        help="simulated futures per account, for the ground truth; default: %(default)s")  # fmt: skip
    parser.add_argument("--no-ceiling", action="store_true",
                        help="skip the training on ten times the accounts, most of the time")  # fmt: skip
    parser.add_argument("--cache", type=Path, metavar="FOLDER",
                        help="keep simulated futures and the ceiling there, and read those that are kept")  # fmt: skip
    return parser.parse_args()


def _partial(arguments: Namespace) -> str:
    """Return the options that make a run a partial one, or "" for a full run."""
    changed = []
    for name, default in FULL.items():
        given = getattr(arguments, name)
        if given != default:
            changed.append(f"--{name} {' '.join(map(str, given)) if isinstance(given, list) else given}")
    return ", ".join([*changed, *(["--no-ceiling"] if arguments.no_ceiling else [])])


def measured(arguments: Namespace) -> Iterator[str | Table]:
    """Simulate, train and compare; yield, per seed, a line on the world and the tables of results."""
    p = WORLDS[arguments.world]
    with tempfile.TemporaryDirectory() as folder:
        ceiling = None
        if not arguments.no_ceiling:
            larger = replace(p, accounts=CEILING_TIMES * p.accounts)
            with progress() as report_progress:
                place = Path(folder) / "ceiling"
                ceiling = model_of_world(larger, CEILING_SEED, place, report_progress, arguments.cache)
        for seed in arguments.seeds:
            with progress() as report_progress:
                tables = _of_seed(arguments, seed, ceiling, Path(folder) / str(seed), report_progress)
            yield from tables


def _of_seed(
    arguments: Namespace, seed: int, ceiling: Bundle | None, folder: Path, report_progress: Progress
) -> list[str | Table]:
    """Return the line and the tables of one seed."""
    trained = train_on_world(WORLDS[arguments.world], seed, folder / "trained", report_progress)
    bundle, results = trained.bundle, results_of(trained, ceiling, arguments.paths, arguments.cache)
    claims = [*reason_claims(trained, ceiling, arguments, folder, report_progress), *value_claims(results, bundle)]
    if seed == arguments.seeds[0]:
        claims += noise_claims(seed, folder / "noise", report_progress)
        claims += leak_claims(seed, folder / "leak", report_progress)
    return [
        f"World {arguments.world}, seed {seed}; {len(results)} as_ofs from {results[0].as_of:%Y-%m-%d}.",
        ranking_table(results, bundle.ends),
        totals_table(results, bundle.ends, bundle.headline),
        value_table(results, bundle),
        claims_table("Goals", goal_claims(results, bundle)),
        claims_table("Claims", claims),
    ]


def reason_claims(
    trained: TrainedWorld, ceiling: Bundle | None, arguments: Namespace, folder: Path, report_progress: Progress
) -> list[Claim]:
    """Return the six claims about reasons: four per planted cause, and two about all accounts at the newest as_of."""
    claims = []
    for struck in planted_causes(trained, ceiling, arguments.paths, folder, report_progress, arguments.cache):
        claims += cause_claims(struck)
    until = trained.tables.until
    rows, truth = with_ground_truth(
        trained.world, until, trained.rows([until]), trained.bundle.ends, arguments.paths, arguments.cache
    )
    true = truth.probability[:, trained.bundle.ends.index(trained.bundle.headline)]
    return [*claims, sum_is_calibrated(explain(trained.bundle, rows, rows), true), is_stable(trained.bundle.stability)]


if __name__ == "__main__":
    main()
