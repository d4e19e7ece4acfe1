"""The slot plan: aggregates each row once, per account and slot, and merges the slots to windows.

    rows -> (account, slot):  one pass over a table, whatever the number of as_ofs
         -> (account, as_of): each slot gives its results to the as_ofs whose windows it counts in

A slot is a set of cells, a cell a part of one as_of's windows (`timeline`). A row's slot is found by two lookups: the
cells of the day on which it happened that belong to as_ofs after the day on which it was known. That is the
point-in-time rule, and two rows with one slot count in the same windows of the same as_ofs. A statistic is computed in
three steps: partial results per slot, their merge over the slots of a window, and the final value. Leaves that depend
on the state at as_of ("still open"), or cover all history, are computed by the range join.
"""

from __future__ import annotations

from collections.abc import Callable

from undertow.features.catalogue.language import STATES, Measure, columns_read
from undertow.features.compiler.dialects import NamedQuery
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.point_in_time import known_from
from undertow.features.compiler.range_join import round_up
from undertow.features.compiler.slot_rows import SlotScan
from undertow.features.compiler.slot_sums import SUMS, sum_queries
from undertow.features.compiler.slot_values import (
    PER_VALUE,
    distinct_queries,
    newest_queries,
    quantile_queries,
    value_queries,
)
from undertow.features.compiler.timeline import BITS, Timeline
from undertow.features.tables import ALL_TABLES, Table

USUAL_REACH = 90  # days; leaves that reach further back have a timeline of their own


def steps_of(scan: SlotScan, leaves: dict[Leaf, str], timeline: Timeline) -> list[NamedQuery]:
    """Return the named queries of a scan; the last, named as the scan, yields (account_id, as_of, column per leaf)."""
    return _STEPS[scan.kind](scan, leaves, timeline)


def slot_scan(leaf: Leaf) -> SlotScan | None:
    """Return the slot scan that computes a leaf, or None where only the range join can."""
    measure, rows = leaf.measure, leaf.measure.rows
    kind = _kind(leaf)
    if kind is None or leaf.reach is None or not is_settled(measure, ALL_TABLES[rows.table]):
        return None
    each = measure.column if kind == "each" else _pass_of(measure) if kind == "distinct" else None
    return SlotScan(rows.table, rows.clock, round_up(leaf.reach), kind, each)


def _pass_of(measure: Measure) -> str | None:
    """Return the column in whose pass a column's distinct values are counted: words of few values, in that of users."""
    table = ALL_TABLES[measure.rows.table]
    counted = table.column(measure.column or "")
    return "user_id" if counted and counted.is_word and table.column("user_id") else measure.column


def _kind(leaf: Leaf) -> str | None:
    if leaf.measure.of_all:
        return "of all" if leaf.measure.statistic in SUMS else None
    if leaf.measure.statistic == "days since last" and leaf.shift == 0 and (leaf.days or 0) > USUAL_REACH:
        return "newest"
    if leaf.measure.statistic == "distinct days" and (leaf.days or 0) > 2 * BITS:
        return None  # more days than there are bits
    return _KINDS.get(leaf.measure.statistic)


def is_settled(measure: Measure, table: Table) -> bool:
    """Return whether a row, once known, does not change any more for this measure."""
    known_with_clock = {measure.rows.clock, known_from(table, measure.rows.clock)}
    late = {known_from(table, name) for name in columns_read(measure)} - {None}
    depends_on_as_of = any(condition.operator in STATES for condition in measure.rows.conditions)
    return not depends_on_as_of and late <= known_with_clock


def timelines(scans: dict[SlotScan, dict[Leaf, str]], as_of_count: int) -> dict[str, Timeline]:
    """Return the timelines, for so many as_ofs, whose slots these scans use, by name."""
    offsets_of: dict[str, set[int]] = {}
    for scan, leaves in scans.items():
        offsets = offsets_of.setdefault(scan.timeline, {0})
        for leaf in leaves:
            offsets |= {scan.reach} if scan.kind == "newest" else {leaf.shift, leaf.shift + (leaf.days or 0)}
    return {name: Timeline(name, as_of_count, tuple(sorted(offsets))) for name, offsets in offsets_of.items()}


_KINDS = {
    **dict.fromkeys(SUMS, "sums"),
    **dict.fromkeys(PER_VALUE, "each"),
    "distinct": "distinct",
    "quantile": "values",
}
_STEPS: dict[str, Callable[[SlotScan, dict[Leaf, str], Timeline], list[NamedQuery]]] = {
    "sums": sum_queries,
    "of all": sum_queries,
    "values": quantile_queries,
    "distinct": distinct_queries,
    "each": value_queries,
    "newest": newest_queries,
}
