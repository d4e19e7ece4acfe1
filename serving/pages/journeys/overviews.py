"""What is said of all accounts as HTML pages: the journey, personas, portfolio; bars have an absolute scale."""

from __future__ import annotations

import math
from typing import Any

from undertow.serving.pages import day, render
from undertow.serving.published.history.portfolio import link
from undertow.serving.published.history.portfolio import portfolio as roll_up
from undertow.serving.published.overviews import in_words as words
from undertow.serving.published.scores import PublishedScores

STEP = 0.1  # the scale of bars ends at a multiple of it


def journeys(published: PublishedScores, root: str = "./", notice: str = "") -> str:
    """Return the touchpoints in order as a page; `notice`: a text shown above them."""
    points = published.journeys.get("touchpoints", [])
    found = [point["churn"] for point in points if point["churn"]]
    lefts = [churn[group] for churn in found for group in ("trouble", "others")]
    return _overview("journeys/journeys.html", published, published.journeys, lefts, root, notice)


def personas(published: PublishedScores, root: str = "./", notice: str = "") -> str:
    """Return the personas as a page; `notice`: a text shown above them."""
    lefts = [persona["churn"] for persona in published.personas.get("personas", [])]
    return _overview("journeys/personas.html", published, published.personas, lefts, root, notice)


def portfolio(published: PublishedScores, root: str = "./", notice: str = "") -> str:
    """Return the roll-up by owner and by segment as a page; `notice`: a text shown above it."""
    buys = published.manifest.get("kind") == "inactivity"
    return render(
        "journeys/portfolio.html",
        root=root,
        notice=notice,
        manifest=published.manifest,
        shown=roll_up(published),
        owner=published.owner,
        buys=buys,
        paid="Spent in 365 days" if buys else "MRR",
        link=link,
    )


def _overview(
    template: str, published: PublishedScores, shown: dict[str, Any], lefts: list[Any], root: str, notice: str
) -> str:
    return render(
        template,
        root=root,
        notice=notice,
        manifest=published.manifest,
        shown=shown,
        days=[day(each) for each in shown.get("observed_as_ofs", [])],
        buys=published.manifest.get("kind") == "inactivity",
        end=scale_end(lefts),
        words=words,
    )


def scale_end(lefts: list[Any]) -> float:
    """Return where the scale of bars ends, 0 to 1: the first multiple of 10 % that no interval exceeds.

    >>> scale_end([{"high": 0.24}, {"high": None}, None])
    0.3
    """
    highest = max((left["high"] for left in lefts if left and left["high"] is not None), default=STEP)
    return min(1.0, round(math.ceil(round(highest / STEP, 9)) * STEP, 1))
