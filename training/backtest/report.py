"""The backtest as one self-contained HTML file: tables and charts, no script and nothing fetched."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from undertow.training.backtest.backtest import BacktestReport
from undertow.training.backtest.charts import charts
from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import METRICS, SAID

TEMPLATE = "report.html"


def html_report(report: BacktestReport) -> str:
    """Return the report as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["estimate"] = _estimate
    drawn = {title: Markup(svg) for title, svg in charts(report).items()}  # our own SVG
    return environment.get_template(TEMPLATE).render(report=report, charts=drawn, metrics=METRICS, said=SAID)


def _estimate(estimate: Estimate, percent: bool = False) -> str:
    """Return a number with its interval as text; "-" where it could not be computed."""
    if estimate.value != estimate.value:
        return "–"
    if percent:
        return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
