"""Statistics that need the values themselves: quantiles, distinct values, the most frequent value, the newest time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce

from sqlglot import exp

from undertow.features.catalogue.language import columns_read
from undertow.features.compiler.dialects import (
    NamedQuery,
    column,
    days_before,
    double,
    hook,
    in_days,
    number,
    seconds,
    when,
)
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.range_join import is_done_elsewhere, kinds_of
from undertow.features.compiler.slot_rows import (
    NamedColumns,
    SlotScan,
    group_rows,
    key_columns,
    meets_any,
    merge_slots,
    only_rows_of,
    rows_in_slots,
    slot_columns,
    value_inside,
)
from undertow.features.compiler.slot_sums import clock
from undertow.features.compiler.timeline import Timeline


def quantile_queries(scan: SlotScan, leaves: dict[Leaf, str], timeline: Timeline) -> list[NamedQuery]:
    """Return the queries of a scan of kind "values": all quantiles of the same rows are computed at once."""
    is_filtered = len({leaf.measure.rows.conditions for leaf in leaves}) == 1  # the rows kept meet all conditions
    names = sorted({name for leaf in leaves for name in _columns_needed(leaf, is_filtered)} - {scan.clock})
    wanted = [column(scan.account, "r"), *slot_columns(scan, timeline), *[column(name, "r") for name in names]]
    rows = rows_in_slots(scan, timeline, wanted).where(*meets_any(leaves))
    lists = NamedColumns("q")
    for shares in _by_rows(leaves):
        lists.add(_quantiles(timeline, shares, is_filtered))
    taken = merge_slots(timeline, f"{scan.name}_rows", scan.keys, lists.selected)
    picked = []
    for shares in _by_rows(leaves):
        quantiles = column(lists.add(_quantiles(timeline, shares, is_filtered)))
        for nth, leaf in enumerate(shares, start=1):
            picked.append(exp.alias_(hook("NTH_OF", quantiles.copy(), number(nth)), leaves[leaf], quoted=True))
    last = exp.select(*[column(key) for key in scan.keys], *picked).from_(f"{scan.name}_lists")
    return [(f"{scan.name}_rows", rows), (f"{scan.name}_lists", taken), (scan.name, last)]


def _by_rows(leaves: Iterable[Leaf]) -> list[list[Leaf]]:
    """Group the leaves that differ only in the share of their quantile."""
    groups: dict[object, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault((leaf.measure.rows, leaf.measure.column, leaf.days, leaf.shift), []).append(leaf)
    return list(groups.values())


def _columns_needed(leaf: Leaf, is_filtered: bool) -> set[str] | frozenset[str]:
    return {leaf.measure.column or ""} if is_filtered else columns_read(leaf.measure)


def _quantiles(timeline: Timeline, leaves: list[Leaf], is_filtered: bool) -> exp.Expr:
    measure = leaves[0].measure
    value = value_inside(timeline, leaves[0], column(measure.column or "", "p"))
    value = value if is_filtered else only_rows_of(leaves[0])(value)
    return hook("QUANTILES_LINEAR", value, *[number(leaf.measure.share or 0) for leaf in leaves])


def distinct_queries(scan: SlotScan, leaves: dict[Leaf, str], timeline: Timeline) -> list[NamedQuery]:
    """Return the queries that count distinct values, each with the cells in which a row with it counts.

    The rows of all counted columns are grouped once. Values of an account with the same cells are counted before they
    meet the as_ofs.
    """
    only = {leaf.measure.rows.conditions: only_rows_of(leaf) for leaf in leaves}
    slots = {conditions: f"s{nth}_" for nth, conditions in enumerate(only)}
    counts = {name: f"n{nth}" for nth, name in enumerate(dict.fromkeys(leaf.measure.column or "" for leaf in leaves))}
    cells = [
        exp.alias_(_union(only[conditions](each.this)), f"{slot}{each.alias}", quoted=True)
        for conditions, slot in slots.items()
        for each in slot_columns(scan, timeline)
    ]
    keys = key_columns(*[(name, "r") for name in (scan.account, *counts)])
    part = rows_in_slots(scan, timeline, [*keys, *cells]).where(*meets_any(leaves))
    part = part.group_by(*[key.copy() for key in keys])
    alike = _alike(scan, counts, [each.alias for each in cells])
    counted = []
    for leaf, name in leaves.items():
        count = column(counts[leaf.measure.column or ""], "p")
        inside = value_inside(timeline, leaf, count, slots[leaf.measure.rows.conditions])
        counted.append(exp.alias_(exp.Sum(this=inside), name, quoted=True))
    merged = merge_slots(timeline, f"{scan.name}_alike", scan.keys, counted, tuple(slots.values()))
    return [(f"{scan.name}_part", part), (f"{scan.name}_alike", alike), (scan.name, merged)]


def _alike(scan: SlotScan, counts: dict[str, str], cells: list[str]) -> exp.Query:
    """Return the query that counts an account's values with the same cells; `counts`: column -> name of its count."""
    queries: list[exp.Query] = []
    for name, count in counts.items():
        has_value = exp.Not(this=exp.Is(this=column(name), expression=exp.Null()))
        by = [column(key) for key in (scan.account, name)]
        values = exp.select(by[0], *[exp.alias_(_union(column(each)), each, quoted=True) for each in cells])
        values = values.from_(f"{scan.name}_part").where(has_value).group_by(*[key.copy() for key in by])
        numbers = [exp.Count(this=exp.Star()) if each == count else exp.Null() for each in counts.values()]
        wanted = [exp.alias_(double(n), each, quoted=True) for n, each in zip(numbers, counts.values(), strict=True)]
        same = [column(key, "v") for key in (scan.account, *cells)]
        queries.append(exp.select(*same, *wanted).from_(values.subquery("v")).group_by(*[key.copy() for key in same]))
    return reduce(lambda one, other: exp.union(one, other, distinct=False), queries)


def _union(slot: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=exp.BitwiseOrAgg(this=slot.copy()), expressions=[number(0)])


def _has_value(scan: SlotScan) -> list[exp.Expr]:
    return [exp.Not(this=exp.Is(this=column(scan.each or "", "r"), expression=exp.Null()))]


def value_queries(scan: SlotScan, leaves: dict[Leaf, str], timeline: Timeline) -> list[NamedQuery]:
    """Return the queries for statistics per value: by value and slot, by value and as_of, then over the values."""
    partials, seen = NamedColumns("p"), NamedColumns("b")
    statistics = []
    for leaf, name in leaves.items():
        statistic = PER_VALUE[leaf.measure.statistic](leaf, timeline, partials, seen)
        statistics.append(exp.alias_(statistic, name, quoted=True))
    keys = [column(scan.account, "r"), exp.alias_(column(scan.each or "", "r"), "each", quoted=True)]
    part = group_rows(scan, timeline, keys, partials.selected, *_has_value(scan), *meets_any(leaves))
    merged = merge_slots(timeline, f"{scan.name}_part", (*scan.keys, "each"), seen.selected)
    by = [column(key) for key in scan.keys]
    last = exp.select(*[key.copy() for key in by], *statistics).from_(f"{scan.name}_seen").group_by(*by)
    return [(f"{scan.name}_part", part), (f"{scan.name}_seen", merged), (scan.name, last)]


def _rows_of_value(leaf: Leaf, timeline: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    rows = partials.add(double(exp.Count(this=only_rows_of(leaf)(number(1)))))
    return column(seen.add(exp.Sum(this=value_inside(timeline, leaf, column(rows, "p")))))


def _most_per(leaf: Leaf, timeline: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    return exp.Max(this=_rows_of_value(leaf, timeline, partials, seen))


def _days_since_most_per(leaf: Leaf, timeline: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    rows = _rows_of_value(leaf, timeline, partials, seen)
    newest = partials.add(exp.Max(this=only_rows_of(leaf)(clock(leaf.measure))))
    last = column(seen.add(exp.Max(this=value_inside(timeline, leaf, column(newest, "p")))))
    return in_days(seconds(hook("NEWEST_VALUE", last, rows), days_before(column("as_of"), leaf.shift)))


def _done_elsewhere(leaf: Leaf, timeline: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    only, where = only_rows_of(leaf), column(leaf.measure.until or "", "r")
    of_kind = [exp.EQ(this=column("kind", "r"), expression=exp.convert(kind)) for kind in kinds_of(leaf.measure)]
    aggregates: dict[str, exp.Expr] = {
        "failed": exp.Max(this=only(when(of_kind[0], number(1)))),
        "done": exp.Max(this=only(when(of_kind[1], number(1)))),
        "first": exp.Min(this=only(where)),
        "final": exp.Max(this=only(where.copy())),
    }
    parts: dict[str, exp.Expr] = {}
    for part, aggregate in aggregates.items():
        inside = value_inside(timeline, leaf, column(partials.add(aggregate), "p"))
        parts[part] = column(seen.add(exp.Min(this=inside) if part == "first" else exp.Max(this=inside)))
    return exp.Count(this=when(is_done_elsewhere(parts), number(1)))


PER_VALUE: dict[str, Callable[[Leaf, Timeline, NamedColumns, NamedColumns], exp.Expr]] = {
    "most per": _most_per,
    "days since most per": _days_since_most_per,
    "done elsewhere": _done_elsewhere,
}


def newest_queries(scan: SlotScan, leaves: dict[Leaf, str], timeline: Timeline) -> list[NamedQuery]:
    """Return the queries for the newest time: the newest row known at the same as_ofs, then the newest at each as_of.

    Of the times known at an as_of the newest is enough: if it lies before the window, so do all others.
    """
    partials = NamedColumns("p")
    names = {leaf: partials.add(exp.Max(this=only_rows_of(leaf)(clock(leaf.measure)))) for leaf in leaves}
    part = group_rows(scan, timeline, [column(scan.account, "r")], partials.selected, *meets_any(leaves))
    newest = [exp.alias_(_days_since_newest(leaf, names[leaf]), name, quoted=True) for leaf, name in leaves.items()]
    return [(f"{scan.name}_part", part), (scan.name, merge_slots(timeline, f"{scan.name}_part", scan.keys, newest))]


def _days_since_newest(leaf: Leaf, name: str) -> exp.Expr:
    assert leaf.days is not None
    as_of = column("as_of", "p")
    last = exp.Max(this=column(name, "p"))
    recent = exp.GTE(this=last, expression=days_before(as_of, leaf.days))
    return when(recent, in_days(seconds(last.copy(), as_of.copy())))
