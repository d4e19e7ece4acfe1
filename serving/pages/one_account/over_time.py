"""Coordinates of the scores of one account over time, and of what moved since the list before; no markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from undertow.serving.pages import charts
from undertow.serving.published.answers import Account
from undertow.serving.published.history.account import AccountHistory, HistoryPoint
from undertow.serving.published.history.moves import parts_of

WIDTH, HEIGHT = 640, 260  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 46, 26, 26, 34
MOST_DOTS = 40  # with more lists than that, only the last one and those of a new model have a dot
TOPS = (0.05, 0.1, 0.2, 0.5, 1.0)  # where the scale may end; it always begins at 0
LINES = 5  # of the grid above 0
MODEL = "New model"


@dataclass(frozen=True)
class Dot:
    """One list. `voluntary`, `involuntary`, `probability`: 0 to 1; `x`, `y`: drawing units.

    `new_model`: whether another model made it than the list before; `is_drawn`: whether it has a dot.
    """

    point: HistoryPoint
    voluntary: float
    involuntary: float
    probability: float
    x: float
    y: float
    new_model: bool
    is_drawn: bool


@dataclass(frozen=True)
class OverTime:
    """Scores by as_of: involuntary stacked on voluntary. `voluntary`, ...: "x,y x,y ..."; `grid`: share -> y."""

    dots: tuple[Dot, ...]
    voluntary: str
    involuntary: str
    total: str
    grid: dict[float, float]


def over_time(history: AccountHistory, horizon: int) -> OverTime:
    """Return the curve of the scores at a horizon, days, over the lists that have it; it may have no dots."""
    shown = [(each, _causes(each, str(horizon))) for each in history.points]
    kept = [(each, *causes) for each, causes in shown if causes is not None]
    if not kept:
        return OverTime((), "", "", "", {})
    highest = max(own + forced for _, own, forced in kept)
    top = next((top for top in TOPS if highest <= top), 1.0)
    days = [date.fromisoformat(each.as_of) for each, _, _ in kept]
    span = max((days[-1] - days[0]).days, 1)

    def x(day: date) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((day - days[0]).days / span if len(days) > 1 else 0.5)

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(share, top) / top

    models = [each.model_version for each, _, _ in kept]
    changed = [number > 0 and model != models[number - 1] for number, model in enumerate(models)]
    few = len(kept) <= MOST_DOTS
    dots = tuple(
        Dot(each, own, forced, own + forced, x(day), y(own + forced), new, new or few or each is kept[-1][0])
        for (each, own, forced), day, new in zip(kept, days, changed, strict=True)
    )
    lower = [(dot.x, y(dot.voluntary)) for dot in dots]
    upper = [(dot.x, dot.y) for dot in dots]
    return OverTime(
        dots=dots,
        voluntary=_points([(dots[0].x, y(0)), *lower, (dots[-1].x, y(0))]),
        involuntary=_points([*upper, *reversed(lower)]),
        total=_points(upper),
        grid={round(top * line / LINES, 4): round(y(top * line / LINES), 1) for line in range(LINES + 1)},
    )


def since_before(shown: Account, since: str, clock: str) -> tuple[charts.Bar, ...]:
    """Return the bars from the score of the list before, over model, clock and families, to this one.

    Empty where there is none, or what it is made of is not known. `since`: the day of that list; `clock`: its label.
    """
    moved = shown.moved
    parts = {} if moved is None else parts_of(moved)
    if moved is None or not parts:
        return ()
    named = {MODEL: parts.pop("model"), clock: parts.pop("clock"), **parts}
    now = shown.probability[str(shown.contributions.horizon)] or 0.0
    return charts.steps(now - (moved.probability or 0.0), named, (since, "now"))


def _causes(point: HistoryPoint, horizon: str) -> tuple[float, float] | None:
    own, forced = (point.by_cause[cause].get(horizon) for cause in ("voluntary", "involuntary"))
    return None if own is None or forced is None else (own, forced)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
