"""The picture of the business numbers, and what is drawn in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from undertow.features.errors import DataError
from undertow.training.business_metrics.metrics import CARDS
from undertow.training.business_metrics.monthly import BusinessMetrics, Number
from undertow.training.business_metrics.plot import COLOURS, drawn_groups, trends_plot
from undertow.training.business_metrics.sql import By, Month

PNG = b"\x89PNG\r\n\x1a\n"
MONTHS = tuple(Month(datetime(2024, month, 1), datetime(2024, month + 1, 1)) for month in range(1, 7))


def business(
    *metrics: str, by: By | None = None, groups: tuple[str, ...] = ("",), value: float | None = 0.2
) -> BusinessMetrics:
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    lines = {
        (metric, group): tuple(
            Number(metric, month.starts, group, value, low, high, 90, size, "shown") for month in MONTHS
        )
        for metric in metrics
        for size, group in enumerate(groups, 1)
    }
    return BusinessMetrics(tuple(CARDS[name] for name in metrics), MONTHS, by, groups, "EUR", lines, {}, ())


@pytest.mark.parametrize("groups", [("",), ("large", "small")])
def test_the_picture_is_a_png_file(tmp_path: Path, groups: tuple[str, ...]) -> None:
    by: By | None = "segment" if len(groups) > 1 else None
    trends_plot(tmp_path / "one.png", business("grr", by=by, groups=groups))
    trends_plot(tmp_path / "all.png", business(*CARDS, by=by, groups=groups))
    one, every = ((tmp_path / name).read_bytes() for name in ("one.png", "all.png"))
    assert one.startswith(PNG) and every.startswith(PNG)
    assert 5_000 < len(one) < len(every)


def test_no_more_groups_are_drawn_than_there_are_colours() -> None:
    groups = tuple("abcdefgh")
    assert drawn_groups(business("grr", by="segment", groups=groups)) == groups[2:]
    assert len(COLOURS) == 6


def test_numbers_that_are_all_suppressed_are_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to draw"):
        trends_plot(tmp_path / "none.png", business("grr", value=None))
    assert not (tmp_path / "none.png").exists()
