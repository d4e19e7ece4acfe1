"""Divides the days before some as_ofs into cells, and states for each day the set of cells in which a row counts."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from undertow.features.compiler.leaf import Leaf
from undertow.features.errors import DefinitionError

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1)
BITS = 63  # bits of a number that are used: its sign stays clear


@dataclass(frozen=True)
class Timeline:
    """The days before some as_ofs, divided into cells at the boundaries of all windows.

    `offsets`: days before each as_of at which a window begins or ends, ascending, the first is 0. The days between two
    neighbouring offsets are a band of an as_of (band 0: the newest), so every window is a range of bands. A cell is a
    band of one as_of: one bit of a word. A set of cells is a few words (numbers of 63 bits), and the days of windows
    of 30 and 90 days before one as_of have two cells, and the 90 days are both:

    >>> from undertow.features.catalogue.language import rows_of
    >>> timeline = Timeline("90", (datetime(2024, 4, 1),), (0, 30, 90))
    >>> days = timeline.tables()["days_90"].select(["day", "cells0"]).to_pylist()
    >>> [(f"{row['day']:%Y-%m-%d}", row["cells0"]) for row in (days[0], days[59], days[60], days[-1])]
    [('2024-01-02', 2), ('2024-03-01', 2), ('2024-03-02', 1), ('2024-03-31', 1)]
    >>> timeline.mask(Leaf(rows_of("events").count(), days=90, shift=0))
    3
    """

    name: str
    as_ofs: tuple[datetime, ...]
    offsets: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.bands > BITS:
            raise DefinitionError(
                f"The windows of at most {self.offsets[-1]} days begin or end on {len(self.offsets)} different days "
                f"before as_of; {BITS + 1} can be told apart. Give cards windows that others have."
            )

    @property
    def days(self) -> str:
        """Return the name of the table of days (day, cells0 ..., known0 ..., first_as_of, low, high)."""
        return f"days_{self.name}"

    @property
    def moments(self) -> str:
        """Return the name of the table of as_ofs (as_of, shift, bits0 ...)."""
        return f"moments_{self.name}"

    @property
    def start(self) -> datetime:
        """Return the first day of the earliest window."""
        return self.as_ofs[0] - self.offsets[-1] * DAY

    @property
    def bands(self) -> int:
        """Return the number of bands of an as_of."""
        return len(self.offsets) - 1

    @property
    def words(self) -> range:
        """Return the numbers of the words that a set of cells has."""
        return range(self._place(len(self.as_ofs) - 1)[0] + 1)

    @property
    def whole(self) -> int:
        """Return all bands of an as_of as bits."""
        return (1 << self.bands) - 1

    def mask(self, leaf: Leaf) -> int:
        """Return the bands that make up a leaf's window, as bits."""
        assert leaf.days is not None
        first, last = self.offsets.index(leaf.shift), self.offsets.index(leaf.shift + leaf.days)
        return sum(1 << band for band in range(first, last))

    def tables(self) -> dict[str, pa.Table]:
        """Return the two small tables that the queries join, by name.

        Days: `cells`: those that contain the day. `known`: all cells of the as_ofs after the day; a row recorded on
        that day is known at these, and `first_as_of` is the first of them. `low` and `high`: the day as one bit,
        different for 126 consecutive days. As_ofs: `bits`: all cells of the as_of, the first of them `shift` bits from
        the right.
        """
        return {self.days: self._days(), self.moments: self._moments()}

    def _place(self, number: int) -> tuple[int, int]:
        """Return the word, and the bit in it, of the first cell of the as_of of that number."""
        per_word = BITS // self.bands
        return number // per_word, number % per_word * self.bands

    def _word(self, cells: dict[int, int], word: int) -> int:
        """Return one word of a set of cells, given as the number of an as_of -> its bands as bits."""
        places = ((self._place(number), bands) for number, bands in cells.items())
        return sum(bands << shift for (of_word, shift), bands in places if of_word == word)

    def _days(self) -> pa.Table:
        days = [self.start + number * DAY for number in range((self.as_ofs[-1] - self.start).days)]
        cells = [self._cells_of(day) for day in days]
        first = [bisect_right(self.as_ofs, day) for day in days]
        known = [dict.fromkeys(range(number, len(self.as_ofs)), self.whole) for number in first]
        columns = {"day": pa.array([day.date() for day in days], pa.date32())}
        for word in self.words:
            columns[f"cells{word}"] = pa.array([self._word(each, word) for each in cells], pa.int64())
            columns[f"known{word}"] = pa.array([self._word(each, word) for each in known], pa.int64())
        columns["first_as_of"] = pa.array([self.as_ofs[number] for number in first], pa.timestamp("us"))
        for half, name in enumerate(("low", "high")):
            columns[name] = pa.array([_bit(day, half) for day in days], pa.int64())
        return pa.table(columns)

    def _cells_of(self, day: datetime) -> dict[int, int]:
        """Return the number of each as_of with a window that contains the day -> the day's band as one bit."""
        ages = ((number, (as_of - day).days) for number, as_of in enumerate(self.as_ofs))
        inside = ((number, age) for number, age in ages if 0 < age <= self.offsets[-1])
        return {number: 1 << bisect_right(self.offsets, age - 1) - 1 for number, age in inside}

    def _moments(self) -> pa.Table:
        numbers = range(len(self.as_ofs))
        columns = {
            "as_of": pa.array(self.as_ofs, pa.timestamp("us")),
            "shift": pa.array([self._place(number)[1] for number in numbers], pa.int32()),
        }
        for word in self.words:
            bits = [self._word({number: self.whole}, word) for number in numbers]
            columns[f"bits{word}"] = pa.array(bits, pa.int64())
        return pa.table(columns)


def _bit(day: datetime, half: int) -> int:
    """Return the day's bit if it lies in this half (0: low, 1: high), else 0."""
    place = (day - EPOCH).days % (2 * BITS) - half * BITS
    return 1 << place if 0 <= place < BITS else 0
