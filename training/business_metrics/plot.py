"""Plot of business metrics: one panel per metric, month by month, with confidence intervals as bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from undertow.features.errors import DataError
from undertow.training.business_metrics.metrics import Metric, Unit
from undertow.training.business_metrics.monthly import BusinessMetrics, Number
from undertow.training.evaluation.plots import ACCENT, INK, QUIET, SECOND

COLOURS = (ACCENT, SECOND, "#5f3dc4", "#2b8a3e", "#b08900", "#9c36b5")
ACROSS = 4  # panels in a row
WIDE, TALL = 3.5, 2.3  # inches a panel
LEAST = 7.0  # inches that the title and the line below need
LABELS = 4  # months named below a panel, about


def trends_plot(path: Path, metrics: BusinessMetrics) -> None:
    """Write the plot of all metrics: related metrics share a panel or, with `by`, the groups of one metric do.

    The groups are named in the first panel. Raises DataError where every number is suppressed.
    """
    panels = _panels(metrics)
    if not panels:
        raise DataError("There is nothing to draw: every number is suppressed. Print them to see why.")
    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    figure = Figure(figsize=(max(WIDE * across, LEAST), TALL * down + 0.9), dpi=110, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(down, across, squeeze=False).flatten()
    for axes, (title, lines) in zip(grid, panels.items(), strict=False):
        _draw(axes, title, lines, metrics)
        if len(lines) > 1 and (metrics.by is None or axes is grid[0]):
            _name_lines(axes, lines)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.suptitle(_title(metrics), x=0.01, ha="left", fontsize=13, color=INK)
    figure.supxlabel(_below(metrics), fontsize=8, color=QUIET, x=0.01, ha="left")
    figure.savefig(path)


@dataclass(frozen=True)
class Line:
    """One line of a panel: its label, its colour, the metric, one number per month."""

    label: str
    colour: str
    card: Metric
    numbers: tuple[Number, ...]

    @property
    def is_empty(self) -> bool:
        """Whether every month is suppressed."""
        return all(number.value is None for number in self.numbers)

    def floats(self, name: str) -> np.ndarray:
        """Return the `value`, `low` or `high` of every month; NaN where there is none."""
        values = [getattr(number, name) for number in self.numbers]
        return np.array([math.nan if value is None else value for value in values], dtype=float)


def _panels(metrics: BusinessMetrics) -> dict[str, list[Line]]:
    """Return title -> lines; with `by` one panel per metric, one line for each of the largest groups."""
    panels: dict[str, list[Line]] = {}
    for card in metrics.cards:
        title = card.name if metrics.by else card.panel
        lines = panels.setdefault(title, [])
        for group, colour in zip(drawn_groups(metrics), COLOURS, strict=False):
            numbers = metrics.line(card.name, group)
            lines.append(Line(group or card.name, colour if metrics.by else COLOURS[len(lines)], card, numbers))
    return {title: lines for title, lines in panels.items() if not all(line.is_empty for line in lines)}


def drawn_groups(metrics: BusinessMetrics) -> tuple[str, ...]:
    """Return the groups that are drawn: those with the most accounts, at most one per colour."""
    size = dict.fromkeys(metrics.groups, 0)
    for (_, group), line in metrics.lines.items():
        size[group] = max(size[group], *(number.accounts for number in line))
    kept = sorted(metrics.groups, key=lambda group: -size[group])[: len(COLOURS)]
    return tuple(group for group in metrics.groups if group in kept)


def _draw(axes: Any, title: str, lines: Sequence[Line], metrics: BusinessMetrics) -> None:
    unit = lines[0].card.unit
    for line in lines:
        where = np.arange(len(line.numbers))
        axes.fill_between(where, line.floats("low"), line.floats("high"), color=line.colour, alpha=0.13, linewidth=0)
        axes.plot(where, line.floats("value"), color=line.colour, linewidth=1.6, marker="o", markersize=2.6)
    axes.set_title(f"{title}{_of(unit, metrics.currency)}", loc="left", fontsize=9, color=INK)
    _dress(axes, unit, [month.starts for month in metrics.months])


def _name_lines(axes: Any, lines: Sequence[Line]) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + (high - low) * 0.17 * math.ceil(len(lines) / 2))  # room above the lines
    named = [Line2D([], [], color=line.colour, label=line.label) for line in lines]
    axes.legend(handles=named, loc="upper left", ncols=2, frameon=False, fontsize=7.5, labelcolor=INK,
                handlelength=1.2, borderaxespad=0.1, columnspacing=1.0)  # fmt: skip


def _dress(axes: Any, unit: Unit, months: Sequence[datetime]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(colors=INK, length=0, labelsize=7.5)
    axes.grid(axis="y", color=QUIET, alpha=0.3, linewidth=0.6)
    axes.margins(x=0.03, y=0.18)
    if axes.dataLim.y0 >= 0:
        axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0) if unit == "share" else FuncFormatter(_short))
    shown = range(len(months) - 1, -1, -max(1, math.ceil(len(months) / LABELS)))
    axes.set_xticks(list(shown), [f"{months[at]:%b\n%Y}" for at in shown])
    axes.set_xlim(-0.4, len(months) - 0.6)


def _short(value: float, _position: int) -> str:
    """Return a number as an axis has room for: 1.2M, 340k, 12.5."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _of(unit: Unit, currency: str) -> str:
    text = {"share": "", "score": "", "per visit": "", "money": currency}.get(unit, unit)
    return f", {text}" if text else ""


def _below(metrics: BusinessMetrics) -> str:
    left = len(metrics.groups) - len(drawn_groups(metrics))
    others = f" {left} smaller groups are not drawn." if left else ""
    return f"Bands: 95 % intervals. Gaps: not enough data, or not yet settled.{others}"


def _title(metrics: BusinessMetrics) -> str:
    first, last = metrics.months[0].starts, metrics.months[-1].starts
    return f"Business metrics, {first:%Y-%m} to {last:%Y-%m}" + (f", by {metrics.by}" if metrics.by else "")
