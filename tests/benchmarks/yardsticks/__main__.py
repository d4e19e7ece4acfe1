"""The model against worlds whose truth is known: `make yardsticks`.

Trains on the demo world as a user would (training never reads the truth), then lays its chances, its
money and its reasons beside what is true at every moment of which training knew no outcome. The ceiling
is the same recipe trained on ten times the accounts: what could be known from these records at best.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from rich.table import Table

from tests.benchmarks.yardsticks import checks
from tests.benchmarks.yardsticks.measures import (
    by_tenths,
    coverage,
    efficiency,
    expected_auroc,
    root_mean_square,
    standard_error,
)
from tests.benchmarks.yardsticks.trained import (
    Said,
    Trained,
    Truth,
    make_trained,
    said_by,
    true_of,
)
from undertow.features.simulator import WORLDS
from undertow.features.simulator.branches import PATHS
from undertow.serving.cli.console import out, progress, show
from undertow.training.bundle.bundle import Bundle

CEILING_TIMES = 10
LOGISTIC, RECENCY = "logistic regression", "recency rule"


@dataclass(frozen=True)
class Moment:
    """One moment of which training knew no outcome: what is true, and what each model says."""

    as_of: datetime
    truth: Truth
    said: Said
    chances: dict[str, dict[int, np.ndarray]]  # model -> horizon -> chances, shape (n,)


def main() -> None:
    """Print all yardsticks."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.yardsticks", description=__doc__)
    parser.add_argument("--world", default="demo", choices=sorted(WORLDS))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--paths", type=int, default=PATHS, help="futures of each account")
    parser.add_argument("--no-ceiling", action="store_true", help="spare the training on ten times the accounts")
    asked = parser.parse_args()
    p = WORLDS[asked.world]
    with tempfile.TemporaryDirectory() as folder, progress() as tell:
        trained = make_trained(p, asked.seed, Path(folder) / "trained", tell)
        ceiling = None
        if not asked.no_ceiling:
            larger = replace(p, accounts=CEILING_TIMES * p.accounts)
            ceiling = make_trained(larger, asked.seed + 1, Path(folder) / "ceiling", tell).bundle
        moments = _moments(trained, ceiling, asked.paths)
        claims = [
            *checks.noise(asked.seed, Path(folder) / "noise", tell),
            *checks.leaks(asked.seed, Path(folder) / "leak", tell),
            *checks.reasons(trained, Path(folder) / "reasons", tell),
        ]
    ends, headline = trained.bundle.ends, trained.bundle.headline
    out.print(f"World {asked.world}, seed {asked.seed}; {len(moments)} moments from {moments[0].as_of:%Y-%m-%d}.\n")
    show(ranking_table(moments, ends))
    show(totals_table(moments, ends, headline))
    show(value_table(moments, trained.bundle))
    show(claims_table([*claims, *value_claims(moments, trained.bundle)]))


def _moments(trained: Trained, ceiling: Bundle | None, paths: int) -> list[Moment]:
    baselines, ends = trained.baselines(), trained.bundle.ends
    found = []
    for as_of in trained.after_training():
        rows, truth = true_of(trained.world, as_of, trained.rows([as_of]), ends, paths)
        said = said_by(trained.bundle, rows)
        chances = {"undertow": dict(zip(ends, said.probability.T, strict=True))}
        for horizon, fitted in baselines.items():
            for baseline in fitted:
                chances.setdefault(baseline.name, {})[horizon] = baseline.probability(rows, horizon)
        if ceiling is not None:
            chances["ceiling"] = dict(zip(ceiling.ends, ceiling.probability(rows).T, strict=True))
        found.append(Moment(as_of, truth, said, chances))
    return found


def ranking_table(moments: list[Moment], ends: tuple[int, ...]) -> Table:
    """Expected AUROC and error of the chances, mean over the moments, a line a horizon."""
    table = Table(title="Ranking and chances, mean over the moments", box=None, title_justify="left")
    headers = ("Days", "Truth xAUC", "Ceiling", "Undertow", "s.e.", "Efficiency", "Of truth", "Logistic", "Recency",
               "RMSE of p", "base rate's", "Spread of p")  # fmt: skip
    for header in headers:
        table.add_column(header, justify="right")
    for column, horizon in enumerate(ends):
        true = [moment.truth.probability[:, column] for moment in moments]
        best = float(np.mean([expected_auroc(p, p) for p in true]))
        ours = _mean_auroc(moments, "undertow", horizon, true)
        ceiling = _mean_auroc(moments, "ceiling", horizon, true)
        error = float(np.mean([
            standard_error(moment.chances["undertow"][horizon], p) for moment, p in zip(moments, true, strict=True)
        ]))  # fmt: skip
        table.add_row(
            str(horizon), f"{best:.3f}", _number(ceiling), _number(ours), f"{error:.3f}",
            _share(ours, ceiling), _share(ours, best),
            _number(_mean_auroc(moments, LOGISTIC, horizon, true)),
            _number(_mean_auroc(moments, RECENCY, horizon, true)),
            f"{_error(moments, 'undertow', horizon, true):.4f}", f"{_error(moments, 'base rate', horizon, true):.4f}",
            f"{np.mean([p.std() for p in true]):.4f}",
        )  # fmt: skip
    return table


def _mean_auroc(moments: list[Moment], model: str, horizon: int, true: list[np.ndarray]) -> float | None:
    pairs = [
        expected_auroc(moment.chances[model][horizon], p)
        for moment, p in zip(moments, true, strict=True)
        if horizon in moment.chances.get(model, {})
    ]
    return float(np.mean(pairs)) if pairs else None


def _error(moments: list[Moment], model: str, horizon: int, true: list[np.ndarray]) -> float:
    chances = [
        moment.chances.get(model, {}).get(horizon, np.full(len(p), np.nan))
        for moment, p in zip(moments, true, strict=True)
    ]
    return float(np.mean([root_mean_square(said, p) for said, p in zip(chances, true, strict=True)]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(found: float | None, ceiling: float | None) -> str:
    return "-" if found is None or ceiling is None else f"{efficiency(found, ceiling):.0%}"


def totals_table(moments: list[Moment], ends: tuple[int, ...], headline: int) -> Table:
    """Leavers said and true at the headline horizon, a line a moment, by cause."""
    table = Table(title=f"Leavers within {headline} days, said and true", box=None, title_justify="left")
    for header in ("As of", "Accounts", "Said", "True", "Said / true", "By choice", "True", "By card", "True"):
        table.add_column(header, justify="right")
    column = ends.index(headline)
    for moment in moments:
        said, true = moment.said.by_cause[:, column].sum(axis=0), moment.truth.by_cause[:, column].sum(axis=0)
        table.add_row(
            f"{moment.as_of:%Y-%m-%d}", f"{len(moment.said.clv):,}", f"{said.sum():.1f}", f"{true.sum():.1f}",
            f"{said.sum() / true.sum():.2f}", f"{said[0]:.1f}", f"{true[0]:.1f}", f"{said[1]:.1f}", f"{true[1]:.1f}",
        )  # fmt: skip
    return table


def true_value(moment: Moment, bundle: Bundle) -> np.ndarray:
    """Return the true 12-month margin of each account, discounted as the product does, shape (n,)."""
    months = np.arange(1, len(moment.truth.futures.mrr) + 1)
    share = bundle.value.margin * (1.0 + bundle.value.discount_rate) ** (-months / 12)
    return share @ moment.truth.futures.mrr


def value_table(moments: list[Moment], bundle: Bundle) -> Table:
    """Mean 12-month value said and true, a line a tenth of what was said, all moments together."""
    table = Table(title="12-month value, by tenth", box=None, title_justify="left")
    for header in ("Tenth", "Said", "True", "Said / true"):
        table.add_column(header, justify="right")
    said = np.concatenate([moment.said.clv for moment in moments])
    true = np.concatenate([true_value(moment, bundle) for moment in moments])
    for number, (mean_said, mean_true) in enumerate(by_tenths(said, true), start=1):
        table.add_row(str(number), f"{mean_said:,.0f}", f"{mean_true:,.0f}", f"{mean_said / mean_true:.2f}")
    table.add_row("all", f"{said.mean():,.0f}", f"{true.mean():,.0f}", f"{said.mean() / true.mean():.2f}")
    return table


def value_claims(moments: list[Moment], bundle: Bundle) -> list[checks.Claim]:
    """Say how far the money is off, and what an 80 % interval would have to cover."""
    said = np.concatenate([moment.said.clv for moment in moments])
    true = np.concatenate([true_value(moment, bundle) for moment in moments])
    paid = np.concatenate([moment.truth.futures.paid for moment in moments])
    low, high = np.quantile(paid, (0.1, 0.9), axis=1)
    bias = said.sum() / true.sum() - 1.0
    return [
        checks.Claim("value: total within a tenth of the true 12-month margin", f"{bias:+.1%}", abs(bias) <= 0.1),
        checks.Claim(
            "value: an 80 % interval covers 80 %",
            f"none is served yet; the truth's own covers {coverage(low, high, paid):.0%}",
            None,
        ),
    ]


def claims_table(claims: list[checks.Claim]) -> Table:
    """Say of each claim what was found and whether it holds."""
    table = Table(title="Claims", box=None, title_justify="left")
    for header in ("", "Claim", "Found"):
        table.add_column(header, overflow="fold")
    for claim in claims:
        mark = "-" if claim.holds is None else "holds" if claim.holds else "[red]FAILS[/]"
        table.add_row(mark, claim.claim, claim.found)
    return table


if __name__ == "__main__":
    main()
