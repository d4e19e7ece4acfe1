"""The model page: how well the model did beside simple rules, on what, how old it is, and what it is not for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from undertow.serving.pages import render
from undertow.serving.published.scores import PublishedScores

OURS = "undertow hazard"
BASELINES = {"base_rate": "base rate", "recency_rule": "recency rule", "logistic_regression": "logistic regression"}


@dataclass(frozen=True)
class Metric:
    """A metric as a column. `better`: what makes one better than another; `said`: what it is, in a sentence."""

    name: str
    title: str
    better: str
    said: str


METRICS = (
    Metric("auroc", "AUROC", "higher", "of two accounts of which one left, how often the one that left had the higher "
           "score; 0.5 is chance"),
    Metric("log_loss", "Log loss", "lower", "how far the probabilities were from what happened; surprise counts most"),
    Metric("calibration", "Said / left", "nearer to 1", "leavers that the probabilities add up to, divided by those "
           "that left"),
    Metric("lift", "Lift of the first tenth", "higher", "leavers among the tenth with the highest scores, against a "
           "tenth chosen at random"),
)  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, as text; `low`, `high`: where the interval lies, percent of 0 to 1."""

    value: str
    interval: str
    low: float
    high: float
    place: float


@dataclass(frozen=True)
class Row:
    """One model at one horizon, in days; `estimates`: one per metric, None where it cannot be computed."""

    model: str
    horizon: int
    estimates: tuple[Estimate | None, ...]


def model_page(published: PublishedScores, root: str = "./", notice: str = "") -> str:
    """Return the model of the published list as a page; `notice`: a text shown above it."""
    model, manifest = published.model, published.manifest
    sections = sections_of(model["model_card"])
    return render(
        "model/model.html",
        root=root,
        notice=notice,
        manifest=manifest,
        model=model,
        metrics=METRICS,
        rows=rows_of(model["metrics"], manifest["horizons"]),
        headline=int(manifest["headline"]),
        baselines=tuple(BASELINES.values()),
        backtest=_backtest(model.get("backtest")),
        limits=sections.pop("Limits", None),
        told={title: sections.pop(title) for title in ("Definition of churn", "Population", "Window", "Notes")
              if title in sections},
        sections=sections,
    )  # fmt: skip


def rows_of(metrics: Mapping[str, float | None], horizons: list[int]) -> list[Row]:
    """Return the results of the training run, by horizon, ours first, then the baselines that were judged."""
    found = []
    for horizon in horizons:
        for prefix, name in (("", OURS), *((f"{key}.", name) for key, name in BASELINES.items())):
            estimates = tuple(_estimate(*(metrics.get(f"{prefix}{metric.name}_{horizon}{end}")
                                          for end in ("", "_low", "_high"))) for metric in METRICS)  # fmt: skip
            if any(estimates):
                found.append(Row(name, horizon, estimates))
    return found


def _estimate(value: float | None, low: float | None, high: float | None) -> Estimate | None:
    if value is None or low is None or high is None:
        return None
    ends = [100 * min(max(each, 0.0), 1.0) for each in (low, high, value)]
    return Estimate(f"{value:.3f}", f"{low:.3f} to {high:.3f}", *ends)


def _backtest(said: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the backtest with its results as rows."""
    if not said:
        return None
    moments = [{**moment, "rows": _judged(moment["results"])} for moment in said["moments"]]
    return {**said, "moments": moments, "pooled": _judged(said["pooled"])}


def _judged(results: list[Mapping[str, Any]]) -> list[Row]:
    return [
        Row(each["model"], each["horizon"], tuple(
            _estimate(**each["metrics"][metric.name]) if metric.name in each["metrics"] else None for metric in METRICS
        ))
        for each in results
    ]  # fmt: skip


def sections_of(card: str) -> dict[str, Markup]:
    """Return the sections of a model card in Markdown as HTML, by their titles; HTML within it is shown as text."""
    parts = re.split(r"^## +(.+)$", card, flags=re.MULTILINE)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])
    return {
        title.strip(): Markup(markdown.render(text))  # what it renders is escaped
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }
