"""Coordinates of the drawings on the page of drivers: families by month, and directions of measures; no markup."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 300, 120  # of a drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 34, 8, 8, 20
STEP = 0.01  # probability: scales end at a multiple of it
NARROW = 3  # units between bars


@dataclass(frozen=True)
class Line:
    """A family by month. `band`, `line`: "x,y x,y ..." of the interval and the means; gaps make several of each.

    `dots`: of each month with a number. `zero`: the height of 0.
    """

    bands: tuple[str, ...]
    lines: tuple[str, ...]
    dots: tuple[tuple[float, float], ...]
    zero: float


@dataclass(frozen=True)
class Column:
    """One bin of a direction plot. `y`, `height`: of its bar; `low`, `high`: heights of its interval, None without."""

    x: float
    width: float
    y: float
    height: float
    raises: bool
    low: float | None
    high: float | None


def scale_end(highest: float) -> float:
    """Return where a scale that goes as far down as up ends: a whole number of points, at least one.

    >>> scale_end(0.0123), scale_end(0.0), scale_end(0.02)
    (0.02, 0.01, 0.02)
    """
    return max(STEP, round(math.ceil(round(highest / STEP, 9)) * STEP, 4))


def height_of(share: float, end: float) -> float:
    """Return the height of a probability on a scale from -end to end, cut at both."""
    inside = min(max(share, -end), end)
    return TOP + (HEIGHT - TOP - BOTTOM) * (end - inside) / (2 * end)


def line(estimates: Sequence[Mapping[str, Any] | None], end: float) -> Line:
    """Return a family by month; `estimates`: of each month, oldest first, None where there are too few accounts."""
    step = (WIDTH - LEFT - RIGHT) / max(len(estimates) - 1, 1)
    runs: list[list[tuple[float, Mapping[str, Any]]]] = [[]]
    for number, estimate in enumerate(estimates):
        if estimate is None:
            runs.append([])
        else:
            runs[-1].append((LEFT + number * step, estimate))
    drawn = [run for run in runs if run]
    return Line(
        bands=tuple(
            _places([*((x, each["high"]) for x, each in run), *((x, each["low"]) for x, each in reversed(run))], end)
            for run in drawn
        ),
        lines=tuple(_places([(x, each["value"]) for x, each in run], end) for run in drawn),
        dots=tuple((round(x, 1), round(height_of(each["value"], end), 1)) for run in drawn for x, each in run),
        zero=height_of(0.0, end),
    )


def columns(bins: Sequence[Mapping[str, Any]], end: float) -> tuple[Column, ...]:
    """Return the bars of a direction plot, of bins in their order."""
    step = (WIDTH - LEFT - RIGHT) / max(len(bins), 1)
    zero = height_of(0.0, end)
    made = []
    for number, each in enumerate(bins):
        top = height_of(each["mean"], end)
        low, high = (None if each[name] is None else round(height_of(each[name], end), 1)
                     for name in ("mean_low", "mean_high"))  # fmt: skip
        made.append(
            Column(
                x=round(LEFT + number * step + NARROW / 2, 1),
                width=round(step - NARROW, 1),
                y=round(min(top, zero), 1),
                height=round(abs(top - zero), 1),
                raises=each["mean"] > 0,
                low=low,
                high=high,
            )
        )
    return tuple(made)


def _places(places: Sequence[tuple[float, float]], end: float) -> str:
    return " ".join(f"{x:.1f},{height_of(share, end):.1f}" for x, share in places)
