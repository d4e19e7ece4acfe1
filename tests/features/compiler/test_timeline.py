"""The time line by hand: two as_ofs a week apart, windows of 7 and 30 days, so two bands an as_of.

                   31 Jan    7 Feb     23 Feb    1 March   8 March
cells of 1 March     |    older    |    older    |  newer  |
cells of 8 March                   |    older    |  older  |  newer  |
                             (from 7 Feb)

The bits of a set of cells: 1 newer and 2 older of 1 March, 4 newer and 8 older of 8 March.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pytest

from undertow.features.catalogue.language import rows_of
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.timeline import Timeline
from undertow.features.errors import DefinitionError

MARCH_1, MARCH_8 = datetime(2024, 3, 1), datetime(2024, 3, 8)
BOTH = (MARCH_1, MARCH_8)
LINE = Timeline("90", 2, (0, 7, 30))
EVENTS = rows_of("events").count()


def by_day(line: Timeline, as_ofs: Sequence[datetime], *columns: str) -> dict[date, tuple[int, ...]]:
    """Return day -> its values in these columns of the table of days."""
    table = line.tables(as_ofs)[line.days]
    values = zip(*(table[name].to_pylist() for name in columns), strict=True)
    return dict(zip(table["day"].to_pylist(), values, strict=True))


def cells(line: Timeline, as_ofs: Sequence[datetime]) -> dict[tuple[datetime, date], int]:
    """Return (as_of, day) -> the bands of the as_of that contain the day, as bits, as a query would find them."""
    days, found = by_day(line, as_ofs, *[f"cells{word}" for word in line.words]), {}
    for row in line.tables(as_ofs)[line.moments].to_pylist():
        for day, words in days.items():
            bits = sum(word & row[f"bits{number}"] for number, word in enumerate(words))
            found[row["as_of"], day] = bits >> row["shift"]
    return found


def test_as_ofs_in_any_order_are_those_that_queries_read_at() -> None:
    """The times in the queries are the first day of the earliest window, and the last as_of."""
    assert LINE.tables((MARCH_8, MARCH_1, MARCH_8)) == LINE.tables(BOTH)
    assert LINE.times(BOTH) == {":start_90": "2024-01-31 00:00:00", ":end_90": "2024-03-08 00:00:00"}
    with pytest.raises(AssertionError, match="expected 2 as_ofs, got 1"):
        LINE.tables([MARCH_1])


def test_days_run_from_the_earliest_window_to_the_last_as_of() -> None:
    days = by_day(LINE, BOTH, "cells0")
    assert (min(days), max(days), len(days)) == (date(2024, 1, 31), date(2024, 3, 7), 37)


@pytest.mark.parametrize(
    ("first", "last", "bits"),
    [("2024-01-31", "2024-02-06", 2), ("2024-02-07", "2024-02-22", 2 + 8), ("2024-02-23", "2024-02-29", 1 + 8),
     ("2024-03-01", "2024-03-07", 4)],
)  # fmt: skip
def test_a_day_lies_in_one_band_of_each_as_of_that_reaches_it(first: str, last: str, bits: int) -> None:
    days = by_day(LINE, BOTH, "cells0")
    assert days[date.fromisoformat(first)] == days[date.fromisoformat(last)] == (bits,)


def test_what_is_recorded_on_the_day_of_an_as_of_is_known_at_the_next_one() -> None:
    known = by_day(LINE, BOTH, "known0", "first_as_of")
    assert known[date(2024, 2, 29)] == (1 + 2 + 4 + 8, MARCH_1)
    assert known[date(2024, 3, 1)] == known[date(2024, 3, 7)] == (4 + 8, MARCH_8)


@pytest.mark.parametrize(
    ("days", "shift", "mask"), [(7, 0, 1), (30, 0, 1 + 2), (23, 7, 2)], ids=["7", "30", "the 23 before 7"]
)
def test_a_window_is_a_mask_of_bands(days: int, shift: int, mask: int) -> None:
    assert LINE.mask(Leaf(EVENTS, days, shift)) == mask


@pytest.mark.parametrize("number", [5, 40], ids=["one word", "several words"])
def test_the_cells_of_a_window_hold_its_days_and_no_others(number: int) -> None:
    """Also where as_ofs are adjacent, far apart, or their windows end on each other."""
    monthly = [datetime(2020 + month // 12, month % 12 + 1, 1) for month in range(number - 5)]
    as_ofs = (*monthly, datetime(2023, 12, 1), *(datetime(2024, 2, day) for day in (27, 28, 29)), MARCH_8)
    line = Timeline("90", number, (0, 1, 7, 14, 30, 60, 90))
    assert len(line.words) == (1 if number == 5 else 4)
    found = cells(line, as_ofs)
    for as_of in as_ofs:
        for days, shift in ((7, 0), (7, 7), (30, 0), (30, 30), (90, 0), (83, 7)):
            mask = line.mask(Leaf(EVENTS, days, shift))
            inside = {day for (at, day), bits in found.items() if at == as_of and bits & mask}
            assert inside == {(as_of - timedelta(shift + back + 1)).date() for back in range(days)}


def test_no_word_needs_the_sign_of_its_number() -> None:
    as_ofs = [datetime(2024, 1, 1) + timedelta(days=day) for day in range(63)]
    line = Timeline("90", len(as_ofs), (0, 7))
    assert len(line.words) == 1
    assert max(by_day(line, as_ofs, "known0").values()) == (2**63 - 1,)


def test_more_boundaries_than_bits_are_refused_with_what_to_do() -> None:
    with pytest.raises(DefinitionError, match="begin or end on 65 different days before as_of; 64 can be told apart"):
        Timeline("90", 1, tuple(range(65)))
    assert len(Timeline("90", 2, tuple(range(64))).words) == 2
