"""Printed report of `undertow metrics`, as a table or CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from undertow.serving.cli.console import new_table, out, show
from undertow.serving.published.exports.spreadsheet import spreadsheet_text

if TYPE_CHECKING:  # what is printed comes from jobs that take seconds to import
    from undertow.training.business_metrics.metrics import Metric, Unit
    from undertow.training.business_metrics.monthly import BusinessMetrics, Number


def print_metrics(metrics: BusinessMetrics) -> None:
    """Print business metrics: one row per metric (and group), one column per month, n below every number."""
    months = metrics.months[-max(1, (out.width - 34 - 14 * (metrics.by is not None)) // 14) :]
    by = (metrics.by.capitalize(),) if metrics.by else ()
    names = [f"{month.starts:%Y-%m}" for month in months]
    table = new_table("Metric", *by, *names, right=range(1 + len(by), 1 + len(by) + len(months)))
    table.columns[0].max_width = 32
    for card in metrics.cards:
        for group in metrics.groups:
            named = f"{card.name}\n[dim]{escape(_sentence(card, metrics))}[/dim]" if group == metrics.groups[0] else ""
            cells = [_number(number, card.unit) for number in metrics.line(card.name, group)[-len(months) :]]
            table.add_row(named, *((escape(group),) if by else ()), *cells)
    show(table)
    if len(months) < len(metrics.months):
        shown = f"The newest {len(months)} of {len(metrics.months)} months are shown"
        out.print(f"{shown}; --format csv and --plot have all.", soft_wrap=True)
    _print_metrics_notes(metrics)


def print_metrics_plot(metrics: BusinessMetrics, path: Path) -> None:
    """Print the file of the plot, and the notes on the metrics."""
    _print_metrics_notes(metrics)
    out.print(f"Drawn in {path}.", soft_wrap=True)


def metrics_csv(metrics: BusinessMetrics) -> str:
    """Return business metrics as CSV text, one row per metric, month and group; safe in a spreadsheet."""
    text = io.StringIO()
    columns = ("metric", "month", "group", "value", "low", "high", "n", "accounts", "status")
    writer = csv.DictWriter(text, (*columns, "unit"))
    writer.writeheader()
    units = {card.name: card.unit for card in metrics.cards}
    for number in metrics.numbers:
        group = spreadsheet_text(number.group)
        writer.writerow(number.as_json() | {"group": group, "unit": units[number.metric]})
    return text.getvalue()


def _print_metrics_notes(metrics: BusinessMetrics) -> None:
    lacking: dict[str, list[str]] = {}
    for name, why in metrics.left_out.items():
        lacking.setdefault(why, []).append(name)
    for why, names in lacking.items():
        out.print(f"Left out: {', '.join(names)} ({why}).", markup=False, soft_wrap=True)
    for note in metrics.notes:
        out.print(f"! {note}", markup=False, soft_wrap=True)


def _sentence(card: Metric, metrics: BusinessMetrics) -> str:
    unit = metrics.currency if card.unit == "money" else card.unit
    return card.sentence if unit in ("share", "points", "score", "per visit") else f"{card.sentence}, {unit}"


def _number(number: Number, unit: Unit) -> str:
    """Return a number as up to three lines: value, 95 % confidence interval, n; or why it is not shown."""
    if number.value is None:
        first, _, last = number.status.rpartition(" ")
        return f"[dim]{first}\n{last},\nn {number.n:,}[/dim]"
    lines = [_in_unit(number.value, unit) + (" ~" if number.status == "wide" else "")]
    if number.low is not None and number.high is not None:
        lines.append(f"[dim]{_in_unit(number.low, unit).rstrip('%')}..{_in_unit(number.high, unit)}[/dim]")
    return "\n".join([*lines, f"[dim]n {number.n:,}[/dim]"])


def _in_unit(value: float, unit: Unit) -> str:
    match unit:
        case "share":
            return f"{value:.1%}"
        case "money" | "ms":
            return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.2f}"
        case "points":
            return f"{round(value):+d}" if round(value) else "0"
        case "hours" | "days":
            return f"{value:,.1f}"
        case "score" | "per visit":
            return f"{value:.2f}"
