"""The model's predictions against the ground truth of simulated worlds: `make yardsticks`.

Trains on the demo world as a user would (training never reads the ground truth), then compares its churn
probabilities, CLV and reasons with the ground truth at every as_of whose outcome training did not know. The ceiling
is the same model trained on ten times the accounts: the best that can be expected from these records.

A full run (every option at its default) also rewrites the section `yardsticks` of tests/benchmarks/README.md.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.table import Table

from tests.benchmarks.report import finish, plain_text
from tests.benchmarks.yardsticks.claims import Claim, leak_claims, noise_claims, reason_claims
from tests.benchmarks.yardsticks.measures import (
    by_tenths,
    coverage,
    efficiency,
    expected_auroc,
    root_mean_square,
    standard_error,
)
from tests.benchmarks.yardsticks.trained import (
    GroundTruth,
    Predictions,
    TrainedWorld,
    predict,
    train_on_world,
    with_ground_truth,
)
from undertow.features.simulator import WORLDS
from undertow.features.simulator.branches import PATHS
from undertow.serving.cli.console import out, progress
from undertow.training.bundle.bundle import Bundle

CEILING_TIMES = 10
LOGISTIC, RECENCY = "logistic regression", "recency rule"
FULL = {"world": "demo", "seed": 7, "paths": PATHS}  # options of the run whose results are kept


@dataclass(frozen=True)
class AsOfResult:
    """Ground truth and predictions at one as_of whose outcome training did not know."""

    as_of: datetime
    truth: GroundTruth
    predicted: Predictions
    probabilities: dict[str, dict[int, np.ndarray]]  # model -> horizon in days -> churn probabilities, shape (n,)


def main() -> None:
    """Print all yardsticks, and write those of a full run to tests/benchmarks/README.md."""
    arguments = _arguments()
    printed = measure(arguments.world, arguments.seed, arguments.paths, with_ceiling=not arguments.no_ceiling)
    for each in printed:
        out.print(each)
        out.print()
    out.print(finish("yardsticks", plain_text(*printed), _partial(arguments)), soft_wrap=True)


def _arguments() -> Namespace:
    parser = ArgumentParser(
        prog="python -m tests.benchmarks.yardsticks", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument("--world", default=FULL["world"], choices=sorted(WORLDS),
                        help="simulated world to train on; default: %(default)s")  # fmt: skip
    parser.add_argument("--seed", type=int, default=FULL["seed"], help="seed of the worlds; default: %(default)s")
    parser.add_argument("--paths", type=int, default=FULL["paths"],
                        help="simulated futures per account, for the ground truth; default: %(default)s")  # fmt: skip
    parser.add_argument("--no-ceiling", action="store_true",
                        help="skip the training on ten times the accounts, most of the half hour")  # fmt: skip
    return parser.parse_args()


def _partial(arguments: Namespace) -> str:
    """Return the options that make a run a partial one, or "" for a full run."""
    changed = [f"--{name} {getattr(arguments, name)}" for name in FULL if getattr(arguments, name) != FULL[name]]
    return ", ".join([*changed, *(["--no-ceiling"] if arguments.no_ceiling else [])])


def measure(world: str, seed: int, paths: int, with_ceiling: bool) -> tuple[str | Table, ...]:
    """Simulate, train and compare; return a line on the world, and the tables of results."""
    p = WORLDS[world]
    with tempfile.TemporaryDirectory() as folder, progress() as report_progress:
        trained = train_on_world(p, seed, Path(folder) / "trained", report_progress)
        ceiling = None
        if with_ceiling:
            larger = replace(p, accounts=CEILING_TIMES * p.accounts)
            ceiling = train_on_world(larger, seed + 1, Path(folder) / "ceiling", report_progress).bundle
        results = _results(trained, ceiling, paths)
        claims = [
            *noise_claims(seed, Path(folder) / "noise", report_progress),
            *leak_claims(seed, Path(folder) / "leak", report_progress),
            *reason_claims(trained, Path(folder) / "reasons", report_progress),
        ]
    bundle = trained.bundle
    return (
        f"World {world}, seed {seed}; {len(results)} as_ofs from {results[0].as_of:%Y-%m-%d}.",
        ranking_table(results, bundle.ends),
        totals_table(results, bundle.ends, bundle.headline),
        value_table(results, bundle),
        claims_table([*claims, *value_claims(results, bundle)]),
    )


def _results(trained: TrainedWorld, ceiling: Bundle | None, paths: int) -> list[AsOfResult]:
    """Return ground truth and predictions at every as_of whose outcome training did not know."""
    baselines, ends = trained.baselines(), trained.bundle.ends
    results = []
    for as_of in trained.after_training():
        rows, truth = with_ground_truth(trained.world, as_of, trained.rows([as_of]), ends, paths)
        predicted = predict(trained.bundle, rows)
        probabilities = {"undertow": dict(zip(ends, predicted.probability.T, strict=True))}
        for horizon, fitted in baselines.items():
            for baseline in fitted:
                probabilities.setdefault(baseline.name, {})[horizon] = baseline.probability(rows, horizon)
        if ceiling is not None:
            probabilities["ceiling"] = dict(zip(ceiling.ends, ceiling.probability(rows).T, strict=True))
        results.append(AsOfResult(as_of, truth, predicted, probabilities))
    return results


def ranking_table(results: list[AsOfResult], ends: tuple[int, ...]) -> Table:
    """Return expected AUROC and error of the churn probabilities, mean over the as_ofs, one line per horizon."""
    table = Table(title="Ranking and churn probabilities, mean over the as_ofs", box=None, title_justify="left")
    headers = ("Days", "Truth xAUC", "Ceiling", "Undertow", "s.e.", "Efficiency", "Of truth", "Logistic", "Recency",
               "RMSE of p", "base rate's", "Spread of p")  # fmt: skip
    for header in headers:
        table.add_column(header, justify="right")
    for column, horizon in enumerate(ends):
        true = [result.truth.probability[:, column] for result in results]
        best = float(np.mean([expected_auroc(p, p) for p in true]))
        ours = _mean_auroc(results, "undertow", horizon, true)
        ceiling = _mean_auroc(results, "ceiling", horizon, true)
        error = float(np.mean([
            standard_error(result.probabilities["undertow"][horizon], p)
            for result, p in zip(results, true, strict=True)
        ]))  # fmt: skip
        table.add_row(
            str(horizon), f"{best:.3f}", _number(ceiling), _number(ours), f"{error:.3f}",
            _share(ours, ceiling), _share(ours, best),
            _number(_mean_auroc(results, LOGISTIC, horizon, true)),
            _number(_mean_auroc(results, RECENCY, horizon, true)),
            f"{_error(results, 'undertow', horizon, true):.4f}", f"{_error(results, 'base rate', horizon, true):.4f}",
            f"{np.mean([p.std() for p in true]):.4f}",
        )  # fmt: skip
    return table


def _mean_auroc(results: list[AsOfResult], model: str, horizon: int, true: list[np.ndarray]) -> float | None:
    """Return a model's expected AUROC, mean over the as_ofs; None where it has no probabilities for the horizon."""
    aurocs = [
        expected_auroc(result.probabilities[model][horizon], p)
        for result, p in zip(results, true, strict=True)
        if horizon in result.probabilities.get(model, {})
    ]
    return float(np.mean(aurocs)) if aurocs else None


def _error(results: list[AsOfResult], model: str, horizon: int, true: list[np.ndarray]) -> float:
    """Return the RMSE of a model's churn probabilities, mean over the as_ofs; NaN where it has none."""
    predicted = [
        result.probabilities.get(model, {}).get(horizon, np.full(len(p), np.nan))
        for result, p in zip(results, true, strict=True)
    ]
    return float(np.mean([root_mean_square(ours, p) for ours, p in zip(predicted, true, strict=True)]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(auroc: float | None, ceiling: float | None) -> str:
    return "-" if auroc is None or ceiling is None else f"{efficiency(auroc, ceiling):.0%}"


def totals_table(results: list[AsOfResult], ends: tuple[int, ...], headline: int) -> Table:
    """Return predicted and true numbers of churned accounts at the headline horizon by cause, one line per as_of."""
    table = Table(title=f"Leavers within {headline} days, predicted and true", box=None, title_justify="left")
    for header in ("As of", "Accounts", "Said", "True", "Said / true", "By choice", "True", "By card", "True"):
        table.add_column(header, justify="right")
    column = ends.index(headline)
    for result in results:
        predicted, true = (each.by_cause[:, column].sum(axis=0) for each in (result.predicted, result.truth))
        table.add_row(
            f"{result.as_of:%Y-%m-%d}", f"{len(result.predicted.clv):,}",
            f"{predicted.sum():.1f}", f"{true.sum():.1f}", f"{predicted.sum() / true.sum():.2f}",
            f"{predicted[0]:.1f}", f"{true[0]:.1f}", f"{predicted[1]:.1f}", f"{true[1]:.1f}",
        )  # fmt: skip
    return table


def true_value(result: AsOfResult, bundle: Bundle) -> np.ndarray:
    """Return the true 12-month margin of each account, EUR, discounted like the CLV, shape (n,)."""
    months = np.arange(1, len(result.truth.futures.mrr) + 1)
    share = bundle.value.margin * (1.0 + bundle.value.discount_rate) ** (-months / 12)
    return share @ result.truth.futures.mrr


def value_table(results: list[AsOfResult], bundle: Bundle) -> Table:
    """Return mean predicted and true 12-month value, one line per tenth of the predicted value, all as_ofs pooled."""
    table = Table(title="12-month value, EUR, by tenth", box=None, title_justify="left")
    for header in ("Tenth", "Said", "True", "Said / true"):
        table.add_column(header, justify="right")
    predicted, true = _values(results, bundle)
    for number, (mean_predicted, mean_true) in enumerate(by_tenths(predicted, true), start=1):
        table.add_row(str(number), f"{mean_predicted:,.0f}", f"{mean_true:,.0f}", f"{mean_predicted / mean_true:.2f}")
    table.add_row("all", f"{predicted.mean():,.0f}", f"{true.mean():,.0f}", f"{predicted.mean() / true.mean():.2f}")
    return table


def value_claims(results: list[AsOfResult], bundle: Bundle) -> list[Claim]:
    """Check the bias of the total CLV; report the coverage of an 80 % interval taken from the true futures."""
    predicted, true = _values(results, bundle)
    paid = np.concatenate([result.truth.futures.paid for result in results])
    low, high = np.quantile(paid, (0.1, 0.9), axis=1)
    bias = predicted.sum() / true.sum() - 1.0
    return [
        Claim("value: total within a tenth of the true 12-month margin", f"{bias:+.1%}", abs(bias) <= 0.1),
        Claim(
            "value: an 80 % interval covers 80 %",
            f"none is served yet; the truth's own covers {coverage(low, high, paid):.0%}",
            None,
        ),
    ]


def _values(results: list[AsOfResult], bundle: Bundle) -> tuple[np.ndarray, np.ndarray]:
    """Return (predicted, true) 12-month values of all as_ofs pooled, EUR, each of shape (n,)."""
    predicted = np.concatenate([result.predicted.clv for result in results])
    return predicted, np.concatenate([true_value(result, bundle) for result in results])


def claims_table(claims: list[Claim]) -> Table:
    """Return one line per claim: whether it holds, the claim, and what was measured."""
    table = Table(title="Claims", box=None, title_justify="left")
    for header in ("", "Claim", "Found"):
        table.add_column(header, overflow="fold")
    for claim in claims:
        mark = "-" if claim.holds is None else "holds" if claim.holds else "[red]FAILS[/]"
        table.add_row(mark, claim.text, claim.measured)
    return table


if __name__ == "__main__":
    main()
