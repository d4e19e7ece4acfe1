"""The time line cut at every edge of every window: days to slots, and slots to the as_ofs they count for."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from undertow.features.compiler.leaf import Leaf

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1)
BITS = 63  # of one half: a day is one bit of two numbers, so 126 days in a row have bits of their own


@dataclass(frozen=True)
class Timeline:
    """The days before some as_ofs, cut `offsets` days before each of them.

    A slot is the stretch between two neighbouring cuts: every window is a whole number of slots. For one
    as_of, its band says between which two offsets a slot lies (band 0: the newest days), so that a window
    is a range of bands. `offsets`: days, rising, the first is 0.
    """

    name: str
    as_ofs: tuple[datetime, ...]
    offsets: tuple[int, ...]

    @property
    def days(self) -> str:
        """Return the name of the table (day, slot, number, low, high)."""
        return f"days_{self.name}"

    @property
    def slots(self) -> str:
        """Return the name of the table (slot, as_of, number, band)."""
        return f"slots_{self.name}"

    @property
    def edges(self) -> tuple[datetime, ...]:
        """Return the cuts in order; the first and last bound the rows that can count."""
        return tuple(sorted({as_of - offset * DAY for as_of in self.as_ofs for offset in self.offsets}))

    def bands(self, leaf: Leaf) -> range:
        """Return the bands a leaf's stretch is made of."""
        assert leaf.days is not None
        return range(self.offsets.index(leaf.shift), self.offsets.index(leaf.shift + leaf.days))

    def tables(self) -> dict[str, pa.Table]:
        """Return the two small tables that the queries join.

        `number` of a day: the first as_of after it, counted from 0; a row recorded on that day is known
        to that as_of and to all later ones. `low` and `high`: the day as one bit, no two of 126 days in a
        row alike. `number` of a slot's as_of: that as_of.
        """
        return {self.days: self._days(), self.slots: self._slots()}

    def _days(self) -> pa.Table:
        edges = self.edges
        days = [edges[0] + number * DAY for number in range((edges[-1] - edges[0]).days)]
        return pa.table(
            {
                "day": pa.array([day.date() for day in days], pa.date32()),
                "slot": pa.array([bisect_right(edges, day) - 1 for day in days], pa.int32()),
                "number": pa.array([bisect_right(self.as_ofs, day) for day in days], pa.int32()),
                "low": pa.array([_bit(day, 0) for day in days], pa.int64()),
                "high": pa.array([_bit(day, 1) for day in days], pa.int64()),
            }
        )

    def _slots(self) -> pa.Table:
        starts = self.edges[:-1]
        rows = [
            (slot, as_of, number, bisect_right(self.offsets, (as_of - start - DAY).days) - 1)
            for number, as_of in enumerate(self.as_ofs)
            for slot, start in enumerate(starts)
            if as_of - self.offsets[-1] * DAY <= start < as_of
        ]
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        types = {"slot": pa.int32(), "as_of": pa.timestamp("us"), "number": pa.int32(), "band": pa.int32()}
        return pa.table({name: pa.array(values, of) for (name, of), values in zip(types.items(), columns, strict=True)})


def _bit(day: datetime, half: int) -> int:
    """Return the day's bit where it lies in this half, else 0."""
    place = (day - EPOCH).days % (2 * BITS) - half * BITS
    return 1 << place if 0 <= place < BITS else 0
