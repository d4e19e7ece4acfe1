"""Cuts the calendar at every window boundary; maps each day to a slot, and each slot to the as_ofs that count it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pyarrow as pa

from undertow.features.compiler.leaf import Leaf

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1)
BITS = 63  # bits per number: a day is one bit of two numbers, so 126 consecutive days have different bits


@dataclass(frozen=True)
class Timeline:
    """The days before some as_ofs, divided into slots at the boundaries of all windows.

    `offsets`: days before each as_of at which a window begins or ends, ascending, the first is 0. A slot lies
    between two neighbouring boundaries, so every window is a whole number of slots. Relative to one as_of, the
    band of a slot is the pair of offsets between which it lies (band 0: the newest days), so a window is a range
    of bands. Windows of 30 and 90 days before one as_of have two slots, and the 90 days are both:

    >>> from undertow.features.catalogue.language import rows_of
    >>> timeline = Timeline("90", (datetime(2024, 4, 1),), (0, 30, 90))
    >>> [f"{edge:%Y-%m-%d}" for edge in timeline.edges]
    ['2024-01-02', '2024-03-02', '2024-04-01']
    >>> timeline.tables()["slots_90"].select(["slot", "band"]).to_pylist()
    [{'slot': 0, 'band': 1}, {'slot': 1, 'band': 0}]
    >>> timeline.bands(Leaf(rows_of("events").count(), days=90, shift=0))
    range(0, 2)
    """

    name: str
    as_ofs: tuple[datetime, ...]
    offsets: tuple[int, ...]

    @property
    def days(self) -> str:
        """Return the name of the table of days (day, slot, slot_end, number, low, high)."""
        return f"days_{self.name}"

    @property
    def slots(self) -> str:
        """Return the name of the table of slots (slot, as_of, number, band, age)."""
        return f"slots_{self.name}"

    @property
    def edges(self) -> tuple[datetime, ...]:
        """Return the boundaries between slots, ascending; rows before the first or from the last on never count."""
        return tuple(sorted({as_of - offset * DAY for as_of in self.as_ofs for offset in self.offsets}))

    def bands(self, leaf: Leaf) -> range:
        """Return the bands that make up a leaf's window."""
        assert leaf.days is not None
        return range(self.offsets.index(leaf.shift), self.offsets.index(leaf.shift + leaf.days))

    def tables(self) -> dict[str, pa.Table]:
        """Return the two small tables that the queries join, by name.

        Days: `number`: index, from 0, of the first as_of after the day; a row recorded on that day is known at
        that as_of and all later ones. `low` and `high`: the day as one bit, different for 126 consecutive days.
        Slots: one row per slot and as_of with a window that contains it; `number`: index of the as_of; `age`: days
        from the slot's end to the as_of.
        """
        return {self.days: self._days(), self.slots: self._slots()}

    def _days(self) -> pa.Table:
        edges = self.edges
        days = [edges[0] + number * DAY for number in range((edges[-1] - edges[0]).days)]
        slots = [bisect_right(edges, day) - 1 for day in days]
        return pa.table(
            {
                "day": pa.array([day.date() for day in days], pa.date32()),
                "slot": pa.array(slots, pa.int32()),
                "slot_end": pa.array([edges[slot + 1] for slot in slots], pa.timestamp("us")),
                "number": pa.array([bisect_right(self.as_ofs, day) for day in days], pa.int32()),
                "low": pa.array([_bit(day, 0) for day in days], pa.int64()),
                "high": pa.array([_bit(day, 1) for day in days], pa.int64()),
            }
        )

    def _slots(self) -> pa.Table:
        edges = self.edges
        rows = [
            (slot, as_of, number, bisect_right(self.offsets, (as_of - start - DAY).days) - 1, (as_of - end).days)
            for number, as_of in enumerate(self.as_ofs)
            for slot, (start, end) in enumerate(pairwise(edges))
            if as_of - self.offsets[-1] * DAY <= start < as_of
        ]
        types = {"slot": pa.int32(), "as_of": pa.timestamp("us"), "number": pa.int32(), "band": pa.int32(),
                 "age": pa.int32()}  # fmt: skip
        columns = list(zip(*rows, strict=True)) or [() for _ in types]
        return pa.table({name: pa.array(values, of) for (name, of), values in zip(types.items(), columns, strict=True)})


def _bit(day: datetime, half: int) -> int:
    """Return the day's bit if it lies in this half (0: low, 1: high), else 0."""
    place = (day - EPOCH).days % (2 * BITS) - half * BITS
    return 1 << place if 0 <= place < BITS else 0
