"""The page of drivers: shares of risk by family, by month beside UX and CX metrics, and directions of measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from undertow.serving.pages import day, family_name, render
from undertow.serving.pages.journeys import month_charts
from undertow.serving.published.overviews import in_words as words
from undertow.serving.published.overviews.drivers_query import DriversQuery, select_drivers
from undertow.serving.published.scores import PublishedScores

SCALE = 0.05  # probability: the whole width of a bar of a family
CONTEXT, CONTEXT_OF_BUYERS = "Contract and clock", "Tenure and season"  # what is context and no family


def drivers(published: PublishedScores, query: DriversQuery, root: str = "./", notice: str = "") -> str:
    """Return what the scores react to, of the accounts and months of a query, as a page; `notice`: shown above it.

    Raises RequestError for a group or months that there are not.
    """
    families = published.drivers.get("families", [])
    shown = select_drivers(published.drivers_by_month, query)
    buys = published.manifest.get("kind") == "inactivity"
    context = CONTEXT_OF_BUYERS if buys else CONTEXT
    end = _scale(shown["by_month"])
    return render(
        "journeys/drivers.html",
        root=root,
        notice=notice,
        manifest=published.manifest,
        drivers=published.drivers,
        buys=buys,
        widths=[100 * min(1.0, (each["mean_absolute_contribution"] or 0.0) / SCALE) for each in families],
        scale=SCALE,
        shown=shown,
        every_month=[month["as_of"] for month in published.drivers_by_month.get("months", [])],
        query=query,
        chosen=":".join(query.group) if query.group[1] else "",
        about=_about(query),
        says={each["about"]: each for each in shown["statements"]},
        changes={each["part"]: each for each in shown["changes"]},
        parts_of={month["as_of"]: {each["part"]: each for each in month["parts"]} for month in shown["by_month"]},
        metrics_of={month["as_of"]: month for month in shown["metrics"]["months"]},
        part_name=lambda part: context if part == "like" else family_name(part),
        lines=_lines(shown["by_month"], end),
        line_end=end,
        plots=_plots(shown["measures"]),
        chart=month_charts,
        words=words,
        day=day,
    )


def _about(query: DriversQuery) -> str:
    way, name = query.group
    return f"{way} {name}" if name else "all accounts"


def _scale(months: Sequence[Mapping[str, Any]]) -> float:
    """Return the end of the scale of all families by month."""
    estimates = [part["points"] for month in months for part in month["parts"] if part["part"] != "like"]
    return month_charts.scale_end(max((max(abs(e["low"]), abs(e["high"])) for e in estimates), default=0.0))


def _lines(months: Sequence[Mapping[str, Any]], end: float) -> dict[str, tuple[month_charts.Line, str]]:
    """Return the drawing of each family by month, with what it shows in words."""
    named = [{part["part"]: part["points"] for part in month["parts"]} for month in months]
    families = [part for part in next((each for each in named if each), {}) if part != "like"]
    drawn = {}
    for family in families:
        estimates = [each.get(family) for each in named]
        said = "; ".join(
            f"{day(month['as_of'])} {words.pointed(estimate) if estimate else 'too few accounts'}"
            for month, estimate in zip(months, estimates, strict=True)
        )
        drawn[family] = month_charts.line(estimates, end), f"{family_name(family)}, points by month: {said}"
    return drawn


def _plots(measures: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return, per family, the end of its scale and its measures with their bars."""
    found: dict[str, dict[str, Any]] = {}
    for each in measures:
        found.setdefault(each["family"], {"measures": []})["measures"].append(each)
    for family in found.values():
        means = [abs(each["mean"]) for measure in family["measures"] for each in measure["bins"]]
        family["end"] = month_charts.scale_end(max(means, default=0.0))
        family["bars"] = [month_charts.columns(measure["bins"], family["end"]) for measure in family["measures"]]
    return found
