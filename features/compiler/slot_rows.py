"""The rows of a slot scan: each row with its slot, the set of cells in which it counts; and the merge of slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from sqlglot import exp

from undertow.features.compiler.dialects import column, day, number, relation, time_literal, when
from undertow.features.compiler.leaf import Leaf, Only, row_filters, weight
from undertow.features.compiler.point_in_time import times_known
from undertow.features.compiler.timeline import Timeline
from undertow.features.tables import ACCOUNT_KEY, ALL_TABLES, HAPPENED_DAY, KNOWN_DAY, SUPERSEDED, Table

FIRST = "first_as_of"  # the first as_of at which a row counts


@dataclass(frozen=True)
class SlotScan:
    """One pass over a table for leaves of one kind.

    `kind`: "sums" merges partial results, "of all" does so over the rows of all accounts, "values" takes quantiles
    of the values themselves, "distinct" counts the values of the column `each` and of columns of few values, "each"
    aggregates per value of `each` first, "newest" keeps the newest time without any window.
    """

    table: str
    clock: str
    reach: int
    kind: str
    each: str | None = None

    @property
    def name(self) -> str:
        """Return the name of the query that yields its leaves."""
        return "_".join(filter(None, [self.table, self.clock, str(self.reach), self.kind.replace(" ", "_"), self.each]))

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that identify a row of its result."""
        return ("as_of",) if self.kind == "of all" else (self.account, "as_of")

    @property
    def account(self) -> str:
        """Return the column that stands for the account."""
        return ACCOUNT_KEY if ALL_TABLES[self.table].is_long else "account_id"

    @property
    def timeline(self) -> str:
        """Return the name of the timeline whose slots it uses; scans with one reach share it."""
        return "whole" if self.kind == "newest" else str(self.reach)


def rows_in_slots(scan: SlotScan, timeline: Timeline, wanted: Iterable[exp.Expr]) -> exp.Select:
    """Return the query of a table's rows (r), joined to the day they happened (d) and the day they were known (k).

    Rows that count in no cell are left out.
    """
    table = ALL_TABLES[scan.table]
    happened, known = _days(table, scan.clock)
    inside = [
        exp.GTE(this=happened, expression=day(time_literal(timeline.start))),
        exp.LT(this=happened.copy(), expression=day(time_literal(timeline.end))),
    ]
    query = exp.select(*wanted).from_(relation(scan.table, "r")).where(*inside)
    if scan.kind != "newest":
        query = query.join(relation(timeline.days, "d"), on=_on_day("d", happened.copy()))
    query = query.join(relation(timeline.days, "k"), on=_on_day("k", known))
    if table.has_versions:
        newer = column(SUPERSEDED.name, "r")
        query = query.join(relation(timeline.days, "g"), on=_on_day("g", day(newer.copy())), join_type="left")
        is_newest = exp.Is(this=newer.copy(), expression=exp.Null())
        counted = exp.or_(is_newest, exp.GTE(this=newer.copy(), expression=time_literal(timeline.start)))
        query = query.where(exp.paren(counted))
    return query.where(exp.paren(exp.or_(*[_is_set(each.this) for each in slot_columns(scan, timeline)])))


def slot_columns(scan: SlotScan, timeline: Timeline) -> list[exp.Expr]:
    """Return the slot of a row, the set of cells in which it counts, as columns slot0, slot1 ... .

    It counts in the cells of the day on which it happened, at as_ofs at which it was known and, for a table with
    versions, until a newer state of it was recorded.
    """
    columns: list[exp.Expr] = []
    for word in timeline.words:
        cells: exp.Expr = column(f"known{word}", "k")
        if scan.kind != "newest":
            cells = exp.BitwiseAnd(this=column(f"cells{word}", "d"), expression=cells)
        if ALL_TABLES[scan.table].has_versions:
            newer = exp.Coalesce(this=column(f"known{word}", "g"), expressions=[number(0)])
            cells = exp.BitwiseAnd(this=cells, expression=exp.BitwiseNot(this=newer))
        columns.append(exp.alias_(exp.paren(cells), f"slot{word}", quoted=True))
    return columns


def group_rows(
    scan: SlotScan, timeline: Timeline, keys: list[exp.Expr], wanted: Iterable[exp.Expr], *filters: exp.Expr
) -> exp.Select:
    """Return the query that groups a table's rows that pass the filters by these keys and by their slot."""
    slot = slot_columns(scan, timeline)
    query = rows_in_slots(scan, timeline, [*keys, *slot, *wanted]).where(*filters)
    return query.group_by(*[key.unalias().copy() for key in [*keys, *slot]])


def _days(table: Table, clock: str) -> tuple[exp.Expr, exp.Expr]:
    """Return the day on which a row (r) happened, and the day from which it counts."""
    if table.is_long and clock == table.happened_at:
        return column(HAPPENED_DAY, "r"), column(KNOWN_DAY, "r")
    first, *others = [column(name, "r") for name in times_known(table, clock)]
    known = exp.Greatest(this=first, expressions=others) if others else first
    return day(column(clock, "r")), day(known)


def _is_set(bits: exp.Expr) -> exp.Expr:
    return exp.NEQ(this=bits.copy(), expression=number(0))


def _on_day(of: str, on: exp.Expr) -> exp.Expr:
    return exp.EQ(this=column("day", of), expression=on)


def only_rows_of(leaf: Leaf) -> Only:
    """Return a function that sets a value to null in the rows that do not meet the leaf's conditions."""
    conditions = row_filters(leaf.measure.rows.conditions, column("as_of"))
    if not conditions:
        return lambda value: value
    return lambda value: when(exp.and_(*[condition.copy() for condition in conditions]), value)


def meets_any(leaves: Iterable[Leaf]) -> list[exp.Expr]:
    """Return the row filter that keeps the rows of at least one leaf; empty where a leaf uses all rows."""
    distinct = list(dict.fromkeys(leaf.measure.rows.conditions for leaf in leaves))
    if not all(distinct):
        return []
    return [exp.or_(*[exp.and_(*row_filters(conditions, column("as_of"))) for conditions in distinct])]


def value_inside(timeline: Timeline, leaf: Leaf, value: exp.Expr, slot: str = "") -> exp.Expr:
    """Return the value where its slot meets the leaf's window, weighed by its age if it fades; null elsewhere.

    `slot`: as in `at_moments`.
    """
    half_life = leaf.measure.half_life
    if half_life is not None:
        value = exp.Mul(this=value, expression=weight(half_life, column(FIRST, "p"), column("as_of", "p")))
    mask = timeline.mask(leaf)
    if mask == timeline.whole and not slot:
        return value
    return when(_is_set(exp.paren(exp.BitwiseAnd(this=column(f"{slot}cells", "p"), expression=number(mask)))), value)


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


def at_moments(timeline: Timeline, source: str, slots: Sequence[str] = ("",)) -> exp.Select:
    """Return the query that gives each as_of (m) the rows of `source` (p) with a slot that meets its cells.

    It yields the columns of `source`, as_of, and `cells`: the bands of the as_of in the slot, as bits. `slots`: what
    stands before the names of the columns of each slot, and of its cells, where there are several.
    """
    every = {slot: _cells(timeline, slot) for slot in slots}
    cells = [
        exp.alias_(exp.BitwiseRightShift(this=bits, expression=column("shift", "m")), f"{slot}cells", quoted=True)
        for slot, bits in every.items()
    ]
    query = exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("p")), column("as_of", "m"), *cells)
    meets = exp.or_(*[_is_set(bits) for bits in every.values()])
    query = query.from_(relation(source, "p")).join(relation(timeline.moments, "m"), on=meets)
    return query.hint("BROADCAST(m)")  # Spark: without it, a shuffle of both sides


def _cells(timeline: Timeline, slot: str) -> exp.Expr:
    """Return the cells of an as_of (m) in a slot of a row (p), not yet shifted."""
    words: list[exp.Expr] = [
        exp.paren(exp.BitwiseAnd(this=column(f"{slot}slot{word}", "p"), expression=column(f"bits{word}", "m")))
        for word in timeline.words
    ]
    return exp.paren(reduce(lambda one, other: exp.BitwiseOr(this=one, expression=other), words))


def merge_slots(
    timeline: Timeline, source: str, keys: Sequence[str], wanted: list[exp.Expr], slots: Sequence[str] = ("",)
) -> exp.Select:
    """Return the query that groups by these keys the rows of `source` that count at each as_of."""
    by = [column(key, "p") for key in keys]
    counted = at_moments(timeline, source, slots).subquery("p")
    return exp.select(*by, *wanted).from_(counted).group_by(*[key.copy() for key in by])
