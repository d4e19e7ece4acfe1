"""Drivers by month of made-up accounts, as a list publishes them: a step in one family, a hostile name, gaps."""

from __future__ import annotations

from typing import Any

from tests.serving.overviews_by_hand import HOSTILE
from tests.training.drivers.monthly.by_hand import scored_world
from undertow.training.drivers.monthly.overview import overview

Json = dict[str, Any]
SINCE = "2024-08-01"


def drivers_by_month_by_hand() -> Json:
    """Support adds 3 points from August 2024 on; a quarter of 140 accounts is of a segment with a hostile name."""
    scored = scored_world(accounts=140, step=0.03, since=5)
    return overview(
        "2025-01-31", 90, "2024-10-03", scored, {"platform": "no event of these months names a platform",
        "plan": "the features have no plan"}, _measures(), _metrics(scored.as_ofs), "",
    )  # fmt: skip


def _measures() -> list[Json]:
    def eighth(low: float | None, high: float | None, accounts: int, mean: float, half: float | None) -> Json:
        ends = (None, None) if half is None else (mean - half, mean + half)
        return {"low": low, "high": high, "text": None, "accounts": accounts, "mean": mean,
                "mean_low": ends[0], "mean_high": ends[1]}  # fmt: skip

    return [
        {"family": "cx", "mean_absolute_contribution": 0.02, "feature": "own", "sentence": HOSTILE, "unit": "count",
         "bins": [eighth(0.0, 0.0, 70, -0.004, 0.001), eighth(1.0, 3.0, 69, 0.021, 0.004),
                  eighth(None, None, 1, 0.001, None)], "why_not": None},
        {"family": "billing", "mean_absolute_contribution": 0.01, "feature": "notice", "sentence": "Notice given",
         "unit": "count", "bins": [], "why_not": "it has no single value"},
    ]  # fmt: skip


def _metrics(as_ofs: tuple[str, ...]) -> Json:
    def value(number: float | None, status: str) -> Json:
        return {"value": number, "low": None, "high": None, "n": 120 if number else 12, "status": status}

    months = [
        {"as_of": day, "month": f"2024-{place + 2:02}",
         "values": [value(0.02 + place / 1000, "shown"), value(None, "not enough data")]}
        for place, day in enumerate(as_ofs)
    ]  # fmt: skip
    cards = [
        {"name": "error_rate", "sentence": "Errors per page view", "family": "ux", "unit": "share"},
        {"name": "nps", "sentence": "Net promoter score, -100 to 100", "family": "cx", "unit": "points"},
    ]
    lines = [{"by": "all", "name": "", "months": months}]
    return {"cards": cards, "lines": lines, "left_out": {"csat": "no row holds it"}, "why_not": None}
