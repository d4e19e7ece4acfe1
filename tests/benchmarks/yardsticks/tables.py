"""Tables of the model's predictions beside the ground truth: ranking, totals and value."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from tests.benchmarks.yardsticks.measures import by_tenths, efficiency, expected_auroc, root_mean_square, standard_error
from tests.benchmarks.yardsticks.results import (
    CEILING,
    LOGISTIC,
    MODEL,
    RECENCY,
    SERVED,
    AsOfResult,
    mean_auroc,
    mean_error,
    values,
)
from undertow.training.bundle.bundle import Bundle


def ranking_table(results: list[AsOfResult], ends: tuple[int, ...]) -> Table:
    """Return expected AUROC and error of the churn probabilities, mean over the as_ofs, one line per horizon."""
    table = Table(title="Ranking and churn probabilities, mean over the as_ofs", box=None, title_justify="left")
    headers = ("Days", "Truth xAUC", "Ceiling", "Undertow", "s.e.", "Efficiency", "Of truth", "Logistic", "Recency",
               "RMSE of p", "Ceiling", "Base rate", "Spread")  # fmt: skip
    for header in headers:
        table.add_column(header, justify="right")
    for horizon in ends:
        true = [result.true(horizon) for result in results]
        best = float(np.mean([expected_auroc(p, p) for p in true]))
        ours, ceiling = (mean_auroc(results, model, horizon) for model in (MODEL, CEILING))
        errors = [standard_error(one.probabilities[MODEL][horizon], one.true(horizon)) for one in results]
        table.add_row(
            str(horizon), f"{best:.3f}", _number(ceiling), _number(ours), f"{np.mean(errors):.3f}",
            _share(ours, ceiling), _share(ours, best),
            _number(mean_auroc(results, LOGISTIC, horizon)), _number(mean_auroc(results, RECENCY, horizon)),
            *(f"{mean_error(results, model, horizon):.4f}" for model in (MODEL, CEILING, "base rate")),
            f"{np.mean([p.std() for p in true]):.4f}",
        )  # fmt: skip
    return table


def refit_table(newest: AsOfResult, horizon: int) -> Table:
    """Return how the judged model and the served one fare at the newest as_of, within `horizon` days."""
    title = f"Fitted again: within {horizon} days of {newest.as_of:%Y-%m-%d}"
    table = Table(title=title, box=None, title_justify="left")
    for header in ("Model", "xAUC", "RMSE of p", "Said / true"):
        table.add_column(header, justify="left" if header == "Model" else "right")
    true = newest.true(horizon)
    for name, model in (("as judged", MODEL), ("as served", SERVED)):
        p = newest.probabilities[model][horizon]
        table.add_row(
            name, f"{expected_auroc(p, true):.3f}", f"{root_mean_square(p, true):.4f}", f"{p.sum() / true.sum():.2f}"
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(auroc: float | None, ceiling: float | None) -> str:
    return "-" if auroc is None or ceiling is None else f"{efficiency(auroc, ceiling):.1%}"


def totals_table(results: list[AsOfResult], ends: tuple[int, ...], headline: int) -> Table:
    """Return predicted and true numbers of churned accounts at the headline horizon by cause, one line per as_of."""
    table = Table(title=f"Leavers within {headline} days, predicted and true", box=None, title_justify="left")
    headers = ("As of", "Accounts", "Said", "True", "Said / true", "Ceiling's", "By choice", "True", "By card", "True")
    for header in headers:
        table.add_column(header, justify="right")
    column = ends.index(headline)
    for result in results:
        predicted, true = (each.by_cause[:, column].sum(axis=0) for each in (result.predicted, result.truth))
        table.add_row(
            f"{result.as_of:%Y-%m-%d}", f"{len(result.predicted.clv):,}",
            f"{predicted.sum():.1f}", f"{true.sum():.1f}", f"{predicted.sum() / true.sum():.2f}",
            _ratio(result.probabilities.get(CEILING, {}).get(headline), float(true.sum())),
            f"{predicted[0]:.1f}", f"{true[0]:.1f}", f"{predicted[1]:.1f}", f"{true[1]:.1f}",
        )  # fmt: skip
    return table


def _ratio(probability: np.ndarray | None, true: float) -> str:
    return "-" if probability is None else f"{probability.sum() / true:.2f}"


def value_table(results: list[AsOfResult], bundle: Bundle) -> Table:
    """Return mean predicted and true 12-month value, one line per tenth of the predicted value, all as_ofs pooled."""
    table = Table(title="12-month value, EUR, by tenth", box=None, title_justify="left")
    for header in ("Tenth", "Said", "True", "Said / true"):
        table.add_column(header, justify="right")
    predicted, true = values(results, bundle)
    for number, (mean_predicted, mean_true) in enumerate(by_tenths(predicted, true), start=1):
        table.add_row(str(number), f"{mean_predicted:,.0f}", f"{mean_true:,.0f}", f"{mean_predicted / mean_true:.2f}")
    table.add_row("all", f"{predicted.mean():,.0f}", f"{true.mean():,.0f}", f"{predicted.mean() / true.mean():.2f}")
    return table
