"""The time line by hand: two as_ofs a week apart, windows of 7 and 30 days.

                 31 Jan    7 Feb     23 Feb    1 March   8 March
slot               |    0    |    1    |    2    |    3    |
band of 1 March    |    1    |    1    |    0    |
band of 8 March              |    1    |    1    |    0    |
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from undertow.features.catalogue.language import rows_of
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.timeline import Timeline

JAN_31, FEB_7, FEB_23, MARCH_1, MARCH_8 = (
    datetime(2024, month, day) for month, day in ((1, 31), (2, 7), (2, 23), (3, 1), (3, 8))
)
LINE = Timeline("90", (MARCH_1, MARCH_8), (0, 7, 30))
EVENTS = rows_of("events").count()


def rows(line: Timeline, table: str, *columns: str) -> list[tuple[object, ...]]:
    return list(zip(*(line.tables()[table][column].to_pylist() for column in columns), strict=True))


def test_every_window_of_every_as_of_is_cut_out() -> None:
    assert LINE.edges == (JAN_31, FEB_7, FEB_23, MARCH_1, MARCH_8)


def test_a_day_lies_in_one_slot_and_is_first_known_to_the_as_of_after_it() -> None:
    days = {day: (slot, number) for day, slot, number in rows(LINE, LINE.days, "day", "slot", "number")}
    assert (min(days), max(days), len(days)) == (date(2024, 1, 31), date(2024, 3, 7), 37)
    assert days[date(2024, 1, 31)] == days[date(2024, 2, 6)] == (0, 0)
    assert days[date(2024, 2, 7)] == days[date(2024, 2, 22)] == (1, 0)
    assert days[date(2024, 2, 23)] == days[date(2024, 2, 29)] == (2, 0)
    # What is written down on the day of an as_of is not known to it, but to the next.
    assert days[date(2024, 3, 1)] == days[date(2024, 3, 7)] == (3, 1)


def test_a_slot_has_a_band_for_each_as_of_that_reaches_it() -> None:
    assert rows(LINE, LINE.slots, "slot", "as_of", "number", "band") == [
        (0, MARCH_1, 0, 1), (1, MARCH_1, 0, 1), (2, MARCH_1, 0, 0),
        (1, MARCH_8, 1, 1), (2, MARCH_8, 1, 1), (3, MARCH_8, 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "shift", "bands"), [(7, 0, [0]), (30, 0, [0, 1]), (23, 7, [1])], ids=["7", "30", "the 23 before 7"]
)
def test_a_stretch_of_time_is_a_range_of_bands(days: int, shift: int, bands: list[int]) -> None:
    assert list(LINE.bands(Leaf(EVENTS, days, shift))) == bands


def test_the_bands_of_a_window_hold_its_days_and_no_others() -> None:
    """Also where as_ofs are adjacent, far apart, or their windows end on each other."""
    as_ofs = (datetime(2023, 1, 1), datetime(2024, 2, 28), datetime(2024, 2, 29), datetime(2024, 3, 1), MARCH_8)
    line = Timeline("90", as_ofs, (0, 1, 7, 14, 30, 60, 90))
    slots = {day: slot for day, slot in rows(line, line.days, "day", "slot")}
    bands = {(as_of, slot): band for slot, as_of, band in rows(line, line.slots, "slot", "as_of", "band")}
    for as_of in as_ofs:
        for days, shift in ((7, 0), (7, 7), (30, 0), (30, 30), (90, 0), (83, 7)):
            wanted = line.bands(Leaf(EVENTS, days, shift))
            found = {day for day, slot in slots.items() if bands.get((as_of, slot)) in wanted}
            assert found == {(as_of - timedelta(shift + number + 1)).date() for number in range(days)}
