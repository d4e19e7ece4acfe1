"""The rows of one slot scan: each rows_in_slots in its slot, with the first as_of that may use it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.compiler.dialects import (
    column,
    day,
    number,
    relation,
    when,
)
from undertow.features.compiler.leaf import Leaf, met
from undertow.features.compiler.point_in_time import known_at, timestamp
from undertow.features.compiler.timeline import Timeline
from undertow.features.tables import TABLES

PARTIAL = ("account_id", "slot", "known")
SNAPSHOT = ("account_id", "as_of")


@dataclass(frozen=True)
class SlotScan:
    """One pass over a table for leaves of one kind.

    `kind`: "sums" merges partials, "values" takes quantiles of the rows themselves, "each" looks at the
    values of the column `each` one by one, "newest" keeps the newest time without any window.
    """

    table: str
    clock: str
    reach: int
    kind: str
    each: str | None = None

    @property
    def name(self) -> str:
        """Return the name of the relation it yields."""
        each = self.each and f"each_{self.each}"
        return "_".join(filter(None, [self.table, self.clock, str(self.reach), self.kind, each]))

    @property
    def timeline(self) -> str:
        """Return the name of the time line it is cut by; scans of one reach share it."""
        return "whole" if self.kind == "newest" else str(self.reach)


def rows_in_slots(scan: SlotScan, line: Timeline, wanted: Iterable[exp.Expr]) -> exp.Select:
    """Select from a table's rows, each in its slot: `d` gives the slot, `k` the first as_of that knows it."""
    table = TABLES[scan.table]
    clock = column(scan.clock, "r")
    edges = line.edges
    inside = [
        exp.GTE(this=clock, expression=timestamp(edges[0])),
        exp.LT(this=clock.copy(), expression=timestamp(edges[-1])),
    ]
    query = exp.select(*wanted).from_(relation(scan.table, "r")).where(*inside)
    if scan.kind != "newest":
        query = query.join(relation(line.days, "d"), on=_on_day("d", clock))
    return query.join(relation(line.days, "k"), on=_on_day("k", known_at(table, scan.clock, "r")))


def _on_day(of: str, moment: exp.Expr) -> exp.Expr:
    return exp.EQ(this=column("day", of), expression=day(moment.copy()))


class RowFilter:
    """The rows that meet a leaf's conditions: their values (`only(value)`), or an aggregate over them."""

    def __init__(self, leaf: Leaf) -> None:
        self._conditions = met(leaf.measure.rows.conditions, column("as_of"))

    def __call__(self, value: exp.Expr) -> exp.Expr:
        return when(self._all(), value) if self._conditions else value

    def over(self, aggregate: exp.Expr) -> exp.Expr:
        """Return the aggregate of these rows alone."""
        return exp.Filter(this=aggregate, expression=exp.Where(this=self._all())) if self._conditions else aggregate

    def _all(self) -> exp.Expr:
        return exp.and_(*[condition.copy() for condition in self._conditions])


def meets_any(leaves: Iterable[Leaf]) -> list[exp.Expr]:
    """Return the filter that keeps the rows of at least one leaf; none where a leaf wants them all."""
    asked = list(dict.fromkeys(leaf.measure.rows.conditions for leaf in leaves))
    if not all(asked):
        return []
    return [exp.or_(*[exp.and_(*met(conditions, column("as_of"))) for conditions in asked])]


def value_inside(line: Timeline, leaf: Leaf, value: exp.Expr) -> exp.Expr:
    """Return the value of slots inside the leaf's stretch, else null."""
    bands = line.bands(leaf)
    limits: list[exp.Expr] = []
    if bands.start > 0:
        limits.append(exp.GTE(this=column("band", "m"), expression=number(bands.start)))
    if bands.stop < len(line.offsets) - 1:
        limits.append(exp.LT(this=column("band", "m"), expression=number(bands.stop)))
    return when(exp.and_(*limits), value) if limits else value


class NamedColumns:
    """Expressions to select, each named once however often it is asked for."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[exp.Expr, str] = {}

    def add(self, value: exp.Expr) -> str:
        """Return the name under which a value is selected."""
        return self._names.setdefault(value, f"{self._prefix}{len(self._names)}")

    @property
    def selected(self) -> list[exp.Expr]:
        return [exp.alias_(value.copy(), name, quoted=True) for value, name in self._names.items()]


def key_columns(*names: tuple[str, str]) -> list[exp.Expr]:
    return [column(name, of) for name, of in names]


def merge_slots(scan: SlotScan, line: Timeline, source: str, keys: list[exp.Expr], wanted: list[exp.Expr]) -> exp.Select:
    """Join partials to the as_ofs their slot counts for, as far as they were known by then."""
    counts = [
        exp.EQ(this=column("slot", "m"), expression=column("slot", "p")),
        exp.GTE(this=column("number", "m"), expression=column("known", "p")),
    ]
    query = exp.select(*[key.copy() for key in keys], *wanted).from_(relation(source, "p"))
    return query.join(relation(line.slots, "m"), on=exp.and_(*counts)).group_by(*keys)
