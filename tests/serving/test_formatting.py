from __future__ import annotations

import pytest

from undertow.serving.formatting import measured, money, percent, points


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.0914, "share", "9.1 %"),
        (250.4, "ms", "250 ms"),
        (1000.0, "ms", "1.0 s"),
        (-2500.0, "ms", "-2.5 s"),
        (5.25, "hours", "5.2 h"),
        (41.6, "days", "42 days"),
        (12345.6, "money", "EUR 12,346"),
        (99.4, "money/month", "EUR 99"),
        (3.0, "count", "3"),
        (2.34, "per visit", "2.3"),
        (-7.0, "points", "-7"),
        (0.049, "per day", "1.5 a month"),
        (-0.51, "log ratio", "40 % below usual"),
        (1.1, "log ratio", "200 % above usual"),
        (0.001, "log ratio", "as usual"),
        (None, "share", "unknown"),
    ],
)
def test_a_number_is_told_with_its_unit(value: float | None, unit: str, said: str) -> None:
    assert measured(value, unit, "EUR") == said


def test_unknown_money_and_shares_are_a_dash() -> None:
    assert {money(None), percent(None), points(None)} == {"–"}
    assert points(-0.0123) == "−1.2"
    assert money(1234.5, "EUR") == "EUR 1,234"
