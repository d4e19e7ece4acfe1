"""Charts of a backtest as inline SVG: calibration, lift, profit and value by tenth."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import numpy as np
from matplotlib.figure import Figure

from undertow.training.backtest.backtest import BacktestReport
from undertow.training.backtest.contacts import profit_curve
from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.plots import ACCENT, INK, QUIET, SECOND, calibration_figure, canvas, lift_figure, note
from undertow.training.health_score.rule import NAME

LINES = (ACCENT, SECOND, INK, QUIET, "#7c3aed")


def charts(report: BacktestReport) -> dict[str, str]:
    """Return title -> SVG, without XML header, for the report."""
    judged = report.judged
    scores = {name: p for name, p in judged.probability.items() if name != "base rate"}
    drawn: dict[str, Callable[[], Figure]] = {
        "Predicted and observed": lambda: calibration_figure(judged.probability[MODEL], judged.churned, ""),
        "Leavers found": lambda: lift_figure(scores, judged.churned, ""),
        "Profit of contacting the first of the list": lambda: _profit(report),
    }
    if NAME in judged.probability:
        by_score = judged.probability[NAME]
        drawn["Predicted and observed, health score"] = lambda: calibration_figure(by_score, judged.churned, "")
    if report.values:
        drawn["Value by tenth of the forecast"] = lambda: _value_by_tenth(report)
    return {title: _svg(draw()) for title, draw in drawn.items()}


def _profit(report: BacktestReport) -> Figure:
    judged = report.judged
    figure, axes = canvas("")
    axes.axhline(0, color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
    shown = ("value at risk", f"P(churn) x {judged.paid}", "P(churn)", judged.paid, f"{NAME} x {judged.paid}")
    orders = {name: order for name, order in judged.orders.items() if name in shown}
    for (name, order), colour in zip(orders.items(), LINES, strict=False):
        share, profit = profit_curve(order, judged.churned, judged.clv_if_kept, report.save_rate, report.cost)
        axes.plot(share, profit, color=colour, linewidth=2 if colour == ACCENT else 1.3, label=name)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Share of accounts contacted, first of each order first")
    axes.set_ylabel(f"Profit per account, {report.currency}")
    axes.legend(frameon=False, loc="lower left")
    note(figure, f"Assumed: a contact costs {report.cost:g} and keeps {report.save_rate:.0%} of the leavers")
    return figure


def _value_by_tenth(report: BacktestReport) -> Figure:
    on = report.forecasts
    assert on is not None, "values were judged"
    groups = np.array_split(np.argsort(on.forecast, kind="stable"), 10)
    said, came = ([float(values[rows].mean()) for rows in groups] for values in (on.forecast, on.realised))
    figure, axes = canvas("")
    axes.plot([min(said), max(said)], [min(said), max(said)], color=QUIET, linewidth=1, linestyle=(0, (4, 4)))
    axes.plot(said, came, "o", color=ACCENT, markersize=6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"Forecast value over {on.months} months, {report.currency}")
    axes.set_ylabel(f"Realised, {report.currency}")
    note(figure, "Means of the tenths of the accounts by forecast; dashed: as forecast")
    return figure


def _svg(figure: Figure) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]
