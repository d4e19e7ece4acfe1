"""Divides the days before some as_ofs into cells, and states for each day the set of cells in which a row counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from undertow.features.engines.arrow_columns import arrow_column
from undertow.features.errors import DefinitionError

if TYPE_CHECKING:
    from undertow.features.compiler.leaf import Leaf  # imports sqlglot, which a plan that is kept does without

BITS = 63  # bits of a number that are used: its sign stays clear


@dataclass(frozen=True)
class Timeline:
    """The days before some as_ofs, divided into cells at the boundaries of all windows.

    Queries depend on the number of as_ofs, `as_of_count`; the as_ofs themselves are given when a query runs. `offsets`:
    days before each as_of at which a window begins or ends, ascending, the first is 0. The days between two
    neighbouring offsets are a band of an as_of (band 0: the newest), so every window is a range of bands. A cell is a
    band of one as_of: one bit of a word. A set of cells is a few words (numbers of 63 bits), and the days of windows of
    30 and 90 days before one as_of have two cells, and the 90 days are both:

    >>> from undertow.features.catalogue.language import rows_of
    >>> from undertow.features.compiler.leaf import Leaf
    >>> timeline = Timeline("90", 1, (0, 30, 90))
    >>> days = timeline.tables([datetime(2024, 4, 1)])["days_90"].select(["day", "cells0"]).to_pylist()
    >>> [(f"{row['day']:%Y-%m-%d}", row["cells0"]) for row in (days[0], days[59], days[60], days[-1])]
    [('2024-01-02', 2), ('2024-03-01', 2), ('2024-03-02', 1), ('2024-03-31', 1)]
    >>> timeline.mask(Leaf(rows_of("events").count(), days=90, shift=0))
    3
    """

    name: str
    as_of_count: int
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
    def start(self) -> str:
        """Return what stands in a query for the first day of the earliest window."""
        return f":start_{self.name}"

    @property
    def end(self) -> str:
        """Return what stands in a query for the last as_of."""
        return f":end_{self.name}"

    @property
    def bands(self) -> int:
        """Return the number of bands of an as_of."""
        return len(self.offsets) - 1

    @property
    def words(self) -> range:
        """Return the numbers of the words that a set of cells has."""
        return range(self._place(self.as_of_count - 1)[0] + 1)

    @property
    def whole(self) -> int:
        """Return all bands of an as_of as bits."""
        return (1 << self.bands) - 1

    def mask(self, leaf: Leaf) -> int:
        """Return the bands that make up a leaf's window, as bits."""
        assert leaf.days is not None
        first, last = self.offsets.index(leaf.shift), self.offsets.index(leaf.shift + leaf.days)
        return sum(1 << band for band in range(first, last))

    def times(self, as_ofs: Sequence[datetime]) -> dict[str, str]:
        """Return the times for which `start` and `end` stand, as texts, for these as_ofs."""
        distinct = self._distinct(as_ofs)
        return {self.start: f"{distinct[0] - self.offsets[-1]} 00:00:00", self.end: f"{distinct[-1]} 00:00:00"}

    def tables(self, as_ofs: Sequence[datetime]) -> dict[str, pa.Table]:
        """Return the two small tables that the queries join, by name, for these as_ofs.

        Days: `cells`: those that contain the day. `known`: all cells of the as_ofs after the day; a row recorded on
        that day is known at these, and `first_as_of` is the first of them. `low` and `high`: the day as one bit,
        different for 126 consecutive days. As_ofs: `bits`: all cells of the as_of, the first of them `shift` bits from
        the right.
        """
        distinct = self._distinct(as_ofs)
        return {self.days: self._days(distinct), self.moments: self._moments(distinct)}

    def _distinct(self, as_ofs: Sequence[datetime]) -> np.ndarray:
        """Return the distinct as_ofs, ascending, as days."""
        distinct = np.unique(np.array(as_ofs, "datetime64[D]"))
        assert len(distinct) == self.as_of_count, f"expected {self.as_of_count} as_ofs, got {len(distinct)}"
        return distinct

    def _place(self, number: int) -> tuple[int, int]:
        """Return the word, and the bit in it, of the first cell of the as_of of that number."""
        per_word = BITS // self.bands
        return number // per_word, number % per_word * self.bands

    def _words(self, bands: np.ndarray) -> list[np.ndarray]:
        """Return the words of sets of cells, given as the bands of each as_of as bits, shape (n, as_ofs)."""
        words = [np.zeros(len(bands), np.int64) for _ in self.words]
        for number in range(self.as_of_count):
            word, shift = self._place(number)
            words[word] |= bands[:, number] << shift
        return words

    def _days(self, as_ofs: np.ndarray) -> pa.Table:
        days = np.arange(as_ofs[0] - self.offsets[-1], as_ofs[-1])
        ages = (as_ofs - days[:, None]).astype(np.int64)  # days from each day to each as_of
        band = np.searchsorted(self.offsets, ages) - 1
        is_inside = (ages > 0) & (ages <= self.offsets[-1])
        cells = self._words(np.where(is_inside, 1 << np.where(is_inside, band, 0), 0))
        known = self._words(np.where(ages > 0, self.whole, 0))
        columns = {"day": days}
        for word in self.words:
            columns |= {f"cells{word}": cells[word], f"known{word}": known[word]}
        columns["first_as_of"] = as_ofs[np.searchsorted(as_ofs, days, side="right")].astype("datetime64[us]")
        place = days.astype(np.int64) % (2 * BITS)
        columns["low"] = np.where(place < BITS, 1 << place % BITS, 0)
        columns["high"] = np.where(place >= BITS, 1 << place % BITS, 0)
        return _table(columns)

    def _moments(self, as_ofs: np.ndarray) -> pa.Table:
        shifts = [self._place(number)[1] for number in range(self.as_of_count)]
        columns = {"as_of": as_ofs.astype("datetime64[us]"), "shift": np.array(shifts, np.int32)}
        bits = self._words(np.diag(np.full(self.as_of_count, self.whole)))
        return _table(columns | {f"bits{word}": bits[word] for word in self.words})


def _table(columns: dict[str, np.ndarray]) -> pa.Table:
    return pa.Table.from_arrays([arrow_column(values) for values in columns.values()], names=list(columns))
