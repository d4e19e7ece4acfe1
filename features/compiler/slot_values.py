"""Statistics that need the values themselves: quantiles, distinct values, the value with most rows, the newest time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from undertow.features.catalogue.language import columns_read
from undertow.features.compiler.dialects import (
    column,
    days_before,
    double,
    hook,
    in_days,
    number,
    relation,
    seconds,
    when,
)
from undertow.features.compiler.leaf import Leaf
from undertow.features.compiler.range_join import is_done_elsewhere, kinds_of
from undertow.features.compiler.slot_rows import (
    SNAPSHOT,
    NamedColumns,
    RowFilter,
    SlotScan,
    key_columns,
    meets_any,
    merge_slots,
    rows_in_slots,
    value_inside,
)
from undertow.features.compiler.slot_sums import clock
from undertow.features.compiler.timeline import Timeline


def quantile_queries(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Take all quantiles of the same rows at once."""
    named = sorted(set().union(*(columns_read(leaf.measure) for leaf in leaves)) - {scan.clock})
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    rows = rows_in_slots(scan, line, [*key_columns(("account_id", "r"), ("slot", "d")), known, *[column(n, "r") for n in named]])
    rows = rows.where(*meets_any(leaves))
    lists = NamedColumns("q")
    for shares in _alike(leaves):
        lists.add(_quantiles(line, shares))
    keys = key_columns(("account_id", "p"), ("as_of", "m"))
    taken = merge_slots(scan, line, f"{scan.name}_rows", keys, lists.selected)
    picked = []
    for shares in _alike(leaves):
        found = column(lists.add(_quantiles(line, shares)))
        for nth, leaf in enumerate(shares, start=1):
            picked.append(exp.alias_(hook("NTH_OF", found.copy(), number(nth)), leaves[leaf], quoted=True))
    last = exp.select(*[column(key) for key in SNAPSHOT], *picked).from_(f"{scan.name}_lists")
    return [(f"{scan.name}_rows", rows), (f"{scan.name}_lists", taken), (scan.name, last)]


def _alike(leaves: Iterable[Leaf]) -> list[list[Leaf]]:
    """Return the leaves in groups that differ only in the share of their quantile."""
    groups: dict[object, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault((leaf.measure.rows, leaf.measure.column, leaf.days, leaf.shift), []).append(leaf)
    return list(groups.values())


def _quantiles(line: Timeline, leaves: list[Leaf]) -> exp.Expr:
    measure = leaves[0].measure
    value = RowFilter(leaves[0])(value_inside(line, leaves[0], column(measure.column or "", "p")))
    return hook("QUANTILES_LINEAR", value, *[number(leaf.measure.share or 0) for leaf in leaves])


def value_queries(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Note per value what its rows did in a slot, then in a window, then ask it of all values."""
    value = column(scan.each or "", "r")
    partials, seen = NamedColumns("p"), NamedColumns("b")
    asked = []
    for leaf, name in leaves.items():
        asked.append(exp.alias_(PER_VALUE[leaf.measure.statistic](leaf, line, partials, seen), name, quoted=True))
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    wanted = [*key_columns(("account_id", "r"), ("slot", "d")), known, exp.alias_(value, "each", quoted=True)]
    part = rows_in_slots(scan, line, [*wanted, *partials.selected])
    part = part.where(exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null())), *meets_any(leaves))
    part = part.group_by(*key_columns(("account_id", "r"), ("slot", "d"), ("number", "k")), value.copy())
    keys = key_columns(("account_id", "p"), ("as_of", "m"), ("each", "p"))
    merged = merge_slots(scan, line, f"{scan.name}_part", keys, seen.selected)
    by = [column(key) for key in SNAPSHOT]
    last = exp.select(*[key.copy() for key in by], *asked).from_(f"{scan.name}_seen").group_by(*by)
    return [(f"{scan.name}_part", part), (f"{scan.name}_seen", merged), (scan.name, last)]


def _distinct(leaf: Leaf, line: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    """Count the values seen in a window's bands; one set of bits tells it for every window."""
    bit = hook("BIT_OF", column("band", "m"))
    if leaf.measure.rows.conditions:
        flag = partials.add(RowFilter(leaf).over(exp.Max(this=number(1))))
        bit = when(exp.EQ(this=column(flag, "p"), expression=number(1)), bit)
    bits = seen.add(exp.BitwiseOrAgg(this=bit))
    mask = sum(1 << band for band in line.bands(leaf))
    both = exp.paren(exp.BitwiseAnd(this=column(bits), expression=number(mask)))
    return exp.Count(this=when(exp.GT(this=both, expression=number(0)), number(1)))


def _rows_of_value(leaf: Leaf, line: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    rows = partials.add(double(RowFilter(leaf).over(exp.Count(this=number(1)))))
    return column(seen.add(exp.Sum(this=value_inside(line, leaf, column(rows, "p")))))


def _most_per(leaf: Leaf, line: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    return exp.Max(this=_rows_of_value(leaf, line, partials, seen))


def _days_since_most_per(leaf: Leaf, line: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    rows = _rows_of_value(leaf, line, partials, seen)
    newest = partials.add(RowFilter(leaf).over(exp.Max(this=clock(leaf.measure))))
    last = column(seen.add(exp.Max(this=value_inside(line, leaf, column(newest, "p")))))
    return in_days(seconds(hook("NEWEST_VALUE", last, rows), days_before(column("as_of"), leaf.shift)))


def _done_elsewhere(leaf: Leaf, line: Timeline, partials: NamedColumns, seen: NamedColumns) -> exp.Expr:
    only, where = RowFilter(leaf), column(leaf.measure.until or "", "r")
    of_kind = [exp.EQ(this=column("kind", "r"), expression=exp.convert(kind)) for kind in kinds_of(leaf.measure)]
    asked: dict[str, exp.Expr] = {
        "failed": exp.Max(this=only(when(of_kind[0], number(1)))),
        "done": exp.Max(this=only(when(of_kind[1], number(1)))),
        "first": exp.Min(this=only(where)),
        "final": exp.Max(this=only(where.copy())),
    }
    found: dict[str, exp.Expr] = {}
    for said, partial in asked.items():
        inside = value_inside(line, leaf, column(partials.add(partial), "p"))
        found[said] = column(seen.add(exp.Min(this=inside) if said == "first" else exp.Max(this=inside)))
    return exp.Count(this=when(is_done_elsewhere(found), number(1)))


PER_VALUE: dict[str, Callable[[Leaf, Timeline, NamedColumns, NamedColumns], exp.Expr]] = {
    "distinct": _distinct,
    "most per": _most_per,
    "days since most per": _days_since_most_per,
    "done elsewhere": _done_elsewhere,
}


def newest_queries(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Keep the newest time by the as_of that first knew it; each as_of looks at those before it.

    Of what is known at an as_of the newest is enough: if it lies too far back, so does the rest.
    """
    partials = NamedColumns("p")
    names = {leaf: partials.add(RowFilter(leaf).over(exp.Max(this=clock(leaf.measure)))) for leaf in leaves}
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    part = rows_in_slots(scan, line, [column("account_id", "r"), known, *partials.selected]).where(*meets_any(leaves))
    part = part.group_by(*key_columns(("account_id", "r"), ("number", "k")))
    keys = key_columns(("account_id", "p"), ("as_of", "m"))
    newest = [exp.alias_(_days_ago(leaf, names[leaf], line), name, quoted=True) for leaf, name in leaves.items()]
    moments = exp.select("as_of", "number").distinct().from_(line.slots).subquery("m")
    counts = exp.GTE(this=column("number", "m"), expression=column("known", "p"))
    merged = exp.select(*keys, *newest).from_(relation(f"{scan.name}_part", "p")).join(moments, on=counts)
    return [(f"{scan.name}_part", part), (scan.name, merged.group_by(*[key.copy() for key in keys]))]


def _days_ago(leaf: Leaf, name: str, line: Timeline) -> exp.Expr:
    assert leaf.days is not None
    as_of = column("as_of", "m")
    last = exp.Max(this=column(name, "p"))
    recent = exp.GTE(this=last, expression=days_before(as_of, leaf.days))
    return when(recent, in_days(seconds(last.copy(), as_of.copy())))
