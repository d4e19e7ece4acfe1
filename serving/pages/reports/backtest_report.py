"""The backtest as one self-contained HTML file: tables and charts, no script and nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATE = "backtest.html"


def backtest_html(report: Any, charts: Mapping[str, str], metrics: Mapping[str, str]) -> str:
    """Return a BacktestReport as HTML. `charts`: title -> SVG. `metrics`: name -> what stands above its column."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["estimate"] = _estimate
    drawn = {title: Markup(svg) for title, svg in charts.items()}  # our own SVG
    return environment.get_template(TEMPLATE).render(report=report, charts=drawn, metrics=metrics)


def _estimate(estimate: Any, percent: bool = False) -> Markup | str:
    """Return an Estimate with its interval, which stands below it in tables; "–" where it could not be computed."""
    numbers = (estimate.value, estimate.low, estimate.high)
    if any(number != number for number in numbers):
        return "–"
    value, low, high = (f"{number:.1%}" if percent else f"{number:.3f}" for number in numbers)
    return Markup('{} <span class="range">({} to {})</span>').format(value, low, high)
