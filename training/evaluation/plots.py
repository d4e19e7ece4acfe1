"""Calibration and lift plots of a training run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from undertow.training.evaluation.intervals import wilson

INK, QUIET, ACCENT, SECOND = "#1f2933", "#9aa5b1", "#0b7285", "#c2410c"
TENTHS = 10


def calibration_plot(path: Path, p: np.ndarray, churned: np.ndarray, title: str) -> None:
    """Write the calibration plot as a file."""
    calibration_figure(p, churned, title).savefig(path)


def lift_plot(path: Path, scores: dict[str, np.ndarray], churned: np.ndarray, title: str) -> None:
    """Write the lift plot as a file."""
    lift_figure(scores, churned, title).savefig(path)


def calibration_figure(p: np.ndarray, churned: np.ndarray, title: str) -> Figure:
    """Return the calibration plot: predicted against observed churn by tenths of the score, with 95 % intervals."""
    predicted, observed, low, high, size = tenths(p, churned)
    figure, axes = canvas(title)
    top = max(predicted.max(), high.max()) * 1.08 + 1e-9
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
    axes.errorbar(predicted, observed, yerr=[observed - low, high - observed], fmt="o", color=ACCENT,
                  ecolor=QUIET, elinewidth=1.4, markersize=6, capsize=0, zorder=3)  # fmt: skip
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_xlabel("Predicted share that leaves")
    axes.set_ylabel("Observed share that left")
    note(figure, f"Points: tenths of the accounts ({size:,} each); bars: 95 % Wilson intervals; dashed: as predicted")
    _percent(axes, both=True)
    return figure


def lift_figure(scores: dict[str, np.ndarray], churned: np.ndarray, title: str) -> Figure:
    """Return the lift plot: share of leavers found against share of accounts contacted, one line per model."""
    figure, axes = canvas(title)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
    axes.annotate("by chance", (0.6, 0.58), color=QUIET, va="top")
    colours = [ACCENT, SECOND, INK, QUIET]
    for (name, p), colour in zip(scores.items(), colours, strict=False):
        contacted, found = gains(p, churned)
        axes.plot(contacted, found, color=colour, linewidth=2 if colour == ACCENT else 1.3, label=name)
    axes.axvline(0.1, color=QUIET, linewidth=0.8)
    axes.annotate("top tenth", (0.11, 0.03), color=QUIET)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("Share of accounts contacted, most at risk first")
    axes.set_ylabel("Share of leavers among them")
    axes.legend(frameon=False, loc="lower right")
    note(figure, f"{len(churned):,} accounts, of which {int(churned.sum()):,} left")
    _percent(axes, both=True)
    return figure


def tenths(p: np.ndarray, churned: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return mean prediction, observed share, its Wilson low and high (10,), and rows per tenth."""
    groups = np.array_split(np.argsort(p, kind="stable"), min(TENTHS, len(p)))
    predicted = np.array([p[group].mean() for group in groups])
    observed = np.array([churned[group].mean() for group in groups])
    sizes = np.array([len(group) for group in groups])
    low, high = wilson(observed, sizes)
    return predicted, observed, low, high, sizes[0]


def gains(p: np.ndarray, churned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of accounts and of leavers, from the highest score down, both from 0 to 1.

    One point per distinct score: inside a tie the line is straight, the expectation over random orders.
    """
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.flatnonzero(np.diff(p[order], append=np.nan) != 0)
    found = np.cumsum(churned[order])[last_of_tie] / max(churned.sum(), 1)
    return np.concatenate([[0.0], (last_of_tie + 1) / len(p)]), np.concatenate([[0.0], found])


def canvas(title: str):  # type: ignore[no-untyped-def]  # matplotlib's own types
    """Return an empty figure and its axes in the house style."""
    figure = Figure(figsize=(6.4, 5.2), dpi=140, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=12, color=INK, pad=12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(colors=INK, length=0)
    return figure, axes


def _percent(axes, both: bool) -> None:  # type: ignore[no-untyped-def]
    for axis in (axes.xaxis, axes.yaxis) if both else (axes.yaxis,):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def note(figure: Figure, text: str) -> None:
    """Write a line of small text below a figure."""
    figure.supxlabel(text, fontsize=8, color=QUIET, x=0.01, ha="left")
