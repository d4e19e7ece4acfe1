"""Coordinates of the lines and bars drawn on the pages; no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 260  # of the curve's drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 46, 26, 22, 34
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)  # between grid lines


@dataclass(frozen=True)
class Mark:
    """One horizon on the curve. `probability`, `voluntary`, `involuntary`: 0 to 1; x, y: drawing units."""

    days: int
    probability: float
    voluntary: float
    involuntary: float
    x: float
    y: float


@dataclass(frozen=True)
class Curve:
    """Churn probability by horizon: involuntary stacked on voluntary, so that the top is the total.

    `voluntary`, `involuntary`, `total`: "x,y x,y ..." for polygons and a line. `grid`: share -> y.
    """

    marks: tuple[Mark, ...]
    voluntary: str
    involuntary: str
    total: str
    grid: dict[float, float]


@dataclass(frozen=True)
class Bar:
    """One bar of the waterfall chart. `start`, `width`: percent of the track; `points`: probability points."""

    label: str
    points: float
    start: float
    width: float
    kind: str  # "end", "up", "down" or "none"


def curve(by_cause: Mapping[str, Mapping[str, float | None]], start: float = 0.0) -> Curve:
    """Return the churn probability curve through every horizon, from `start` on day 0."""
    days = sorted(int(day) for day in by_cause["voluntary"])
    voluntary = [by_cause["voluntary"][str(day)] or 0.0 for day in days]
    involuntary = [by_cause["involuntary"][str(day)] or 0.0 for day in days]
    totals = [a + b for a, b in zip(voluntary, involuntary, strict=True)]
    step = next((step for step in STEPS if max(start, *totals) <= 5 * step), STEPS[-1])
    lines = max(1, -int(-max(start, *totals) // step))
    span = HEIGHT - TOP - BOTTOM

    def x(day: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * day / days[-1]

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - span * share / (lines * step)

    zero = (x(0), y(start))
    lower = [zero, *((x(day), y(share)) for day, share in zip(days, voluntary, strict=True))]
    upper = [zero, *((x(day), y(share)) for day, share in zip(days, totals, strict=True))]
    places = zip(days, totals, voluntary, involuntary, upper[1:], strict=True)
    return Curve(
        marks=tuple(Mark(day, total, own, forced, *place) for day, total, own, forced, place in places),
        voluntary=_points([*([(x(0), y(0))] if start else []), *lower, (x(days[-1]), y(0))]),
        involuntary=_points([*upper, *reversed(lower)]),
        total=_points(upper),
        grid={round(line * step, 4): round(y(line * step), 1) for line in range(lines + 1)},
    )


def steps(baseline: float, families: Mapping[str, float | None], labels: tuple[str, str]) -> tuple[Bar, ...]:
    """Return the bars from `baseline` over the families to the sum of all; `labels`: of the first and the last bar.

    Shown points are rounded to 0.1 so that they add up exactly to the shown end: each bar is the
    difference of two rounded running sums.
    """
    sums = [baseline]
    for share in families.values():
        sums.append(sums[-1] + (share or 0.0))
    most = max(*sums, 0.01) * 1.02
    rounded = [round(100 * total, 1) for total in sums]
    first = Bar(labels[0], rounded[0], 0.0, 100 * max(sums[0], 0) / most, "end")
    last = Bar(labels[1], rounded[-1], 0.0, 100 * max(sums[-1], 0) / most, "end")
    between = [
        Bar(
            family,
            round(rounded[i + 1] - rounded[i], 1) + 0.0,
            100 * max(min(sums[i], sums[i + 1]), 0) / most,
            100 * abs(sums[i + 1] - sums[i]) / most,
            _kind(rounded[i + 1] - rounded[i]),
        )
        for i, family in enumerate(families)
    ]
    return (first, *between, last)


def _kind(points: float) -> str:
    """Return the kind of a bar from its probability points, rounded to 0.1."""
    return "none" if abs(points) < 0.05 else "up" if points > 0 else "down"


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
