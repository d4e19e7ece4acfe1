"""The rows of a slot scan: each row with its slot and the first as_of at which it is known; and the merge of slots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.compiler.dialects import column, day, double, number, power, relation, when
from undertow.features.compiler.leaf import Leaf, row_filters
from undertow.features.compiler.point_in_time import known_at, timestamp
from undertow.features.compiler.timeline import Timeline
from undertow.features.tables import ALL_TABLES, SUPERSEDED

SNAPSHOT = ("account_id", "as_of")


@dataclass(frozen=True)
class SlotScan:
    """One pass over a table for leaves of one kind.

    `kind`: "sums" merges partial results, "of all" does so over the rows of all accounts, "values" takes quantiles
    of the values themselves, "each" aggregates per value of the column `each` first, "newest" keeps the newest time
    without any window.
    """

    table: str
    clock: str
    reach: int
    kind: str
    each: str | None = None

    @property
    def name(self) -> str:
        """Return the name of the query that yields its leaves."""
        each = self.each and f"each_{self.each}"
        return "_".join(filter(None, [self.table, self.clock, str(self.reach), self.kind.replace(" ", "_"), each]))

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that identify a row of its result."""
        return ("as_of",) if self.kind == "of all" else SNAPSHOT

    @property
    def timeline(self) -> str:
        """Return the name of the timeline whose slots it uses; scans with one reach share it."""
        return "whole" if self.kind == "newest" else str(self.reach)


def rows_in_slots(scan: SlotScan, timeline: Timeline, wanted: Iterable[exp.Expr]) -> exp.Select:
    """Return the query of a table's rows (alias r), joined to their slot (d), with the as_ofs at which they count."""
    table = ALL_TABLES[scan.table]
    clock = column(scan.clock, "r")
    edges = timeline.edges
    inside = [
        exp.GTE(this=clock, expression=timestamp(edges[0])),
        exp.LT(this=clock.copy(), expression=timestamp(edges[-1])),
    ]
    query = exp.select(*known_from_to(scan, timeline), *wanted).from_(relation(scan.table, "r")).where(*inside)
    if scan.kind != "newest":
        query = query.join(relation(timeline.days, "d"), on=_on_day("d", clock))
    query = query.join(relation(timeline.days, "k"), on=_on_day("k", known_at(table, scan.clock, "r")))
    if table.has_versions:
        newer = relation(timeline.days, "g")
        query = query.join(newer, on=_on_day("g", column(SUPERSEDED.name, "r")), join_type="left")
    return query


def known_from_to(scan: SlotScan, timeline: Timeline) -> list[exp.Expr]:
    """Return the columns `known` and, for a table with versions, `gone`: the as_ofs at which a row counts, by index.

    A row counts from the as_of number `known` on, and no longer from number `gone` on, when a newer state of it
    was recorded; null: it is the newest.
    """
    columns = [exp.alias_(column("number", "k"), "known", quoted=True)]
    if ALL_TABLES[scan.table].has_versions:
        before = exp.LT(this=column(SUPERSEDED.name, "r"), expression=timestamp(timeline.edges[0]))
        gone = exp.Case().when(before, number(0)).else_(column("number", "g"))
        columns.append(exp.alias_(gone, "gone", quoted=True))
    return columns


def group_rows(query: exp.Select, scan: SlotScan, timeline: Timeline, keys: list[exp.Expr]) -> exp.Select:
    """Group the rows of `rows_in_slots` by these keys and by the as_ofs at which they count."""
    return query.group_by(*keys, *[each.this.copy() for each in known_from_to(scan, timeline)])


def counts_at(table: str) -> list[exp.Expr]:
    """Return the conditions under which partial results (p) count at an as_of (m): known by then, and not yet gone."""
    conditions: list[exp.Expr] = [exp.GTE(this=column("number", "m"), expression=column("known", "p"))]
    if ALL_TABLES[table].has_versions:
        never = exp.Is(this=column("gone", "p"), expression=exp.Null())
        conditions.append(exp.paren(exp.or_(never, exp.LT(this=column("number", "m"), expression=column("gone", "p")))))
    return conditions


def _on_day(of: str, time: exp.Expr) -> exp.Expr:
    return exp.EQ(this=column("day", of), expression=day(time.copy()))


class RowFilter:
    """The row filter of a leaf's conditions, applied to a value (`only(value)`) or to an aggregate (`only.over`)."""

    def __init__(self, leaf: Leaf) -> None:
        self._conditions = row_filters(leaf.measure.rows.conditions, column("as_of"))

    def __call__(self, value: exp.Expr) -> exp.Expr:
        """Return the value, null where the conditions are not met."""
        return when(self._all(), value) if self._conditions else value

    def over(self, aggregate: exp.Expr) -> exp.Expr:
        """Return the aggregate over the rows that meet the conditions."""
        return exp.Filter(this=aggregate, expression=exp.Where(this=self._all())) if self._conditions else aggregate

    def _all(self) -> exp.Expr:
        return exp.and_(*[condition.copy() for condition in self._conditions])


def meets_any(leaves: Iterable[Leaf]) -> list[exp.Expr]:
    """Return the row filter that keeps the rows of at least one leaf; empty where a leaf uses all rows."""
    distinct = list(dict.fromkeys(leaf.measure.rows.conditions for leaf in leaves))
    if not all(distinct):
        return []
    return [exp.or_(*[exp.and_(*row_filters(conditions, column("as_of"))) for conditions in distinct])]


def value_inside(timeline: Timeline, leaf: Leaf, value: exp.Expr) -> exp.Expr:
    """Return the value in slots inside the leaf's window, weighed by the slot's age if it fades; null in others."""
    half_life = leaf.measure.half_life
    if half_life is not None:
        age = exp.Div(this=exp.Neg(this=double(column("age", "m"))), expression=number(float(half_life)))
        value = exp.Mul(this=value, expression=power(age))
    bands = timeline.bands(leaf)
    limits: list[exp.Expr] = []
    if bands.start > 0:
        limits.append(exp.GTE(this=column("band", "m"), expression=number(bands.start)))
    if bands.stop < len(timeline.offsets) - 1:
        limits.append(exp.LT(this=column("band", "m"), expression=number(bands.stop)))
    return when(exp.and_(*limits), value) if limits else value


class NamedColumns:
    """Expressions to select, each under one name however often it is added."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[exp.Expr, str] = {}

    def add(self, value: exp.Expr) -> str:
        """Return the name under which a value is selected."""
        return self._names.setdefault(value, f"{self._prefix}{len(self._names)}")

    @property
    def selected(self) -> list[exp.Expr]:
        """Return the expressions with their names as aliases."""
        return [exp.alias_(value.copy(), name, quoted=True) for value, name in self._names.items()]


def key_columns(*names: tuple[str, str]) -> list[exp.Expr]:
    """Return references to columns given as (name, alias of the table)."""
    return [column(name, of) for name, of in names]


def merge_slots(
    scan: SlotScan, timeline: Timeline, source: str, keys: list[exp.Expr], wanted: list[exp.Expr]
) -> exp.Select:
    """Return the join that gives each as_of (m) partial results (p) of the slots in its windows, known by then."""
    is_counted = [exp.EQ(this=column("slot", "m"), expression=column("slot", "p")), *counts_at(scan.table)]
    query = exp.select(*[key.copy() for key in keys], *wanted).from_(relation(source, "p"))
    return query.join(relation(timeline.slots, "m"), on=exp.and_(*is_counted)).group_by(*keys)
