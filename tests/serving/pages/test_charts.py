"""The charts of an account: steps that add up, and the curve of its churn probability."""

from __future__ import annotations

import pytest

from tests.serving.client import Client
from undertow.serving.pages import charts


def test_an_account_adds_up_in_the_figures_that_are_shown(client: Client) -> None:
    for account in client.get("/v1/at-risk").json()["accounts"]:
        contributions = account["contributions"]["families"]
        bars = charts.steps(account["like_probability"], contributions, ("typical", "this"))
        shown = bars[0].points + sum(bar.points for bar in bars[1:-1])
        assert shown == pytest.approx(bars[-1].points, abs=1e-9)
        assert bars[-1].points == pytest.approx(100 * account["probability"]["90"], abs=0.051)
        assert all(bar.start >= 0 and bar.start + bar.width <= 100.01 for bar in bars)


def test_a_bar_that_reads_0_points_is_not_drawn() -> None:
    bars = charts.steps(0.1, {"ux": 0.0004, "cx": 0.05, "billing": -0.02, "usage": 0.0}, ("like", "this"))
    assert [(bar.points, bar.kind) for bar in bars[1:-1]] == [(0.0, "none"), (5.0, "up"), (-2.0, "down"), (0.0, "none")]
    assert (bars[0].points, bars[-1].points) == (10.0, 13.0)


def test_the_curve_ends_at_the_published_probability_and_never_falls(client: Client) -> None:
    account = client.get("/v1/accounts/A-00042").json()
    curve = charts.curve(account["by_cause"])
    assert [mark.days for mark in curve.marks] == [30, 60, 90, 180, 360]
    assert curve.marks[-1].probability == pytest.approx(account["probability"]["360"])
    heights = [mark.y for mark in curve.marks]
    assert heights == sorted(heights, reverse=True)
    assert min(heights) >= charts.TOP - 1e-9


def test_a_curve_of_zeros_is_still_drawn() -> None:
    nothing = {"voluntary": {"30": 0.0}, "involuntary": {"30": None}}
    assert charts.curve(nothing).marks[0].probability == 0.0
