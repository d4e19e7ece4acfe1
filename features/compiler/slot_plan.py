"""The fast plan: each row is aggregated once to its account and slot, and slots are merged to windows.

    rows -> (account, slot, known): one pass over a table, whatever the number of as_ofs
         -> (account, as_of):       each slot joined to the as_ofs it counts for, by its band

`known` keeps time right: it is the first as_of by which a row had happened and was recorded, so a row
that was written down late is merged only from there on. A measure carries how it is summed up inside a
slot (partial), how slots are merged (merge), and how the merged is read (finish). What asks "still open
at as_of", or looks back without end, has no slots: the range join answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlglot import exp

from undertow.features.catalogue.language import Measure, columns_read
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.point_in_time import known_from
from undertow.features.compiler.range_join import round_up
from undertow.features.compiler.slot_rows import SlotScan
from undertow.features.compiler.slot_sums import SUMS, sum_queries
from undertow.features.compiler.slot_values import PER_VALUE, newest_queries, quantile_queries, value_queries
from undertow.features.compiler.timeline import BITS, Timeline
from undertow.features.tables import TABLES, Table

USUAL_REACH = 90  # days; what looks further back has slots of its own


def steps_of(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Return the named queries that yield (account_id, as_of, one column per leaf), the last named as the scan is."""
    return _STEPS[scan.kind](scan, leaves, line)


def slot_scan(leaf: Leaf) -> SlotScan | None:
    """Return the scan that yields a leaf, or None where only the range join can."""
    measure, rows = leaf.measure, leaf.measure.rows
    kind = _kind(leaf)
    if kind is None or leaf.reach is None or not _is_settled(measure, TABLES[rows.table]):
        return None
    each = measure.column if kind == "each" else None
    return SlotScan(rows.table, rows.clock, round_up(leaf.reach), kind, each)


def _kind(leaf: Leaf) -> str | None:
    if leaf.measure.statistic == "days since last" and leaf.shift == 0 and (leaf.days or 0) > USUAL_REACH:
        return "newest"
    if leaf.measure.statistic == "distinct days" and (leaf.days or 0) > 2 * BITS:
        return None  # its days have no bits of their own
    return _KINDS.get(leaf.measure.statistic)


def _is_settled(measure: Measure, table: Table) -> bool:
    """Say whether a row, once known, never changes again for this measure."""
    known_with_clock = {measure.rows.clock, known_from(table, measure.rows.clock)}
    late = {known_from(table, name) for name in columns_read(measure)} - {None}
    asked_at_as_of = any(condition.operator in ("not yet", "already") for condition in measure.rows.conditions)
    return not asked_at_as_of and late <= known_with_clock


def timelines(scans: dict[SlotScan, dict[Leaf, str]], as_ofs: Iterable[datetime]) -> dict[str, Timeline]:
    """Return the time lines that these scans are cut by, by name."""
    found: dict[str, set[int]] = {}
    for scan, leaves in scans.items():
        offsets = found.setdefault(scan.timeline, {0})
        for leaf in leaves:
            offsets |= {scan.reach} if scan.kind == "newest" else {leaf.shift, leaf.shift + (leaf.days or 0)}
    moments = tuple(sorted(set(as_ofs)))
    return {name: Timeline(name, moments, tuple(sorted(offsets))) for name, offsets in found.items()}


_KINDS = {
    **dict.fromkeys(SUMS, "sums"),
    **dict.fromkeys(PER_VALUE, "each"),
    "quantile": "values",
}
_STEPS: dict[str, Callable[[SlotScan, dict[Leaf, str], Timeline], list[tuple[str, exp.Select]]]] = {
    "sums": sum_queries,
    "values": quantile_queries,
    "each": value_queries,
    "newest": newest_queries,
}
