"""Printed report of `undertow backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from undertow.serving.cli.console import new_table, out, show
from undertow.serving.cli.print_model import estimate_text, metrics_that_fit, segments_table, values_table
from undertow.training.evaluation.performance import SAID

if TYPE_CHECKING:  # what is printed comes from a job that takes seconds to import
    from undertow.training.backtest.backtest import BacktestReport


def print_backtest(report: BacktestReport, written: Path) -> None:
    """Print the results pooled and per moment, by segment, of value, and what the first of the list held."""
    _print_results(report)
    if report.by_segment:
        show(segments_table(report.by_segment))
    _print_found(report)
    if report.values:
        show(values_table(report.values))
    for note in (*report.notes, *(f"No model at {each}" for each in report.skipped)):
        out.print(f"! {note}", soft_wrap=True, markup=False)
    out.print(f"With charts, and every baseline at every moment: {written}", soft_wrap=True)


def _print_results(report: BacktestReport) -> None:
    """Print every model over all moments, then ours at each."""
    metrics = metrics_that_fit()
    table = new_table("As of", "Model", *(SAID[name] for name in metrics), "Left / judged", right=range(2, 9))
    for number, result in enumerate(report.pooled):
        last = number + 1 == len(report.pooled)
        table.add_row(
            f"{len(report.moments)} moments" if number == 0 else "",
            result.model,
            *(estimate_text(result.metrics[name]) for name in metrics),
            f"{result.churners:,} / {result.rows:,}" if number == 0 else "",
            end_section=last,
        )
    for moment in report.moments:
        result = moment.results[0]
        numbers = (estimate_text(result.metrics[name]) for name in metrics)
        judged = f"{result.churners:,} / {result.rows:,}"
        table.add_row(f"{moment.as_of:%Y-%m-%d}", result.model, *numbers, judged)
    show(table)


def _print_found(report: BacktestReport) -> None:
    shares = sorted({each.share for each in report.found})
    table = new_table(
        "Contacted first by", *(f"{share:.0%}" for share in shares), f"Best profit per account, {report.currency}",
        right=range(1, len(shares) + 2),
    )  # fmt: skip
    for order, profit in report.profit.items():
        lost = [each.lost.value for each in report.found if each.order == order]
        table.add_row(escape(order), *(f"{value:.0%}" for value in lost), f"{profit:,.2f}")
    out.print(f"Share of the MRR that left within {report.headline} days, among the first accounts of each order:")
    show(table)
