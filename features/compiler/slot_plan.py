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
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from undertow.features.catalogue.language import Measure, columns_read
from undertow.features.compiler.dialects import (
    column,
    day,
    days_before,
    double,
    hook,
    in_days,
    number,
    over,
    relation,
    seconds,
    when,
    where_known,
)
from undertow.features.compiler.leaf import Leaf, met
from undertow.features.compiler.range_join import is_done_elsewhere, kinds_of, round_up
from undertow.features.compiler.timeline import BITS, Timeline
from undertow.features.tables import TABLES, Table

PARTIAL = ("account_id", "slot", "known")
SNAPSHOT = ("account_id", "as_of")
USUAL_REACH = 90  # days; what looks further back has slots of its own


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

    def steps(self, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
        """Return the named queries that yield (account_id, as_of, one column a leaf), the last so named."""
        return _STEPS[self.kind](self, leaves, line)


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
    known_with_clock = {measure.rows.clock, _known_from(table, measure.rows.clock)}
    late = {_known_from(table, name) for name in columns_read(measure)} - {None}
    asked_at_as_of = any(condition.operator in ("not yet", "already") for condition in measure.rows.conditions)
    return not asked_at_as_of and late <= known_with_clock


def _known_from(table: Table, name: str) -> str | None:
    rule = table.column(name)
    return rule.known_from if rule else None


def timelines(scans: dict[SlotScan, dict[Leaf, str]], as_ofs: Iterable[datetime]) -> dict[str, Timeline]:
    """Return the time lines that these scans are cut by, by name."""
    found: dict[str, set[int]] = {}
    for scan, leaves in scans.items():
        offsets = found.setdefault(scan.timeline, {0})
        for leaf in leaves:
            offsets |= {scan.reach} if scan.kind == "newest" else {leaf.shift, leaf.shift + (leaf.days or 0)}
    moments = tuple(sorted(set(as_ofs)))
    return {name: Timeline(name, moments, tuple(sorted(offsets))) for name, offsets in found.items()}


# --- the rows of a scan ----------------------------------------------------------------------


def _placed(scan: SlotScan, line: Timeline, wanted: Iterable[exp.Expr]) -> exp.Select:
    """Select from a table's rows, each in its slot: `d` gives the slot, `k` the first as_of that knows it."""
    table = TABLES[scan.table]
    clock = column(scan.clock, "r")
    edges = line.edges
    inside = [
        exp.GTE(this=clock, expression=_moment(edges[0])),
        exp.LT(this=clock.copy(), expression=_moment(edges[-1])),
    ]
    query = exp.select(*wanted).from_(relation(scan.table, "r")).where(*inside)
    if scan.kind != "newest":
        query = query.join(relation(line.days, "d"), on=_on_day("d", clock))
    return query.join(relation(line.days, "k"), on=_on_day("k", _known_at(table, scan.clock)))


def _on_day(of: str, moment: exp.Expr) -> exp.Expr:
    return exp.EQ(this=column("day", of), expression=day(moment.copy()))


def _known_at(table: Table, clock: str) -> exp.Expr:
    """Return the moment from which a row counts: it had happened and all that is read was written."""
    names = dict.fromkeys([table.happened_at, clock, _known_from(table, clock)])
    if table.column("recorded_at"):
        names["recorded_at"] = None
    moments = [column(name, "r") for name in names if name]
    return exp.Greatest(this=moments[0], expressions=moments[1:]) if len(moments) > 1 else moments[0]


def _moment(at: datetime) -> exp.Expr:
    return exp.cast(exp.convert(f"{at:%Y-%m-%d %H:%M:%S}"), "TIMESTAMPNTZ")


class _Only:
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


def _any(leaves: Iterable[Leaf]) -> list[exp.Expr]:
    """Return the filter that keeps the rows of at least one leaf; none where a leaf wants them all."""
    asked = list(dict.fromkeys(leaf.measure.rows.conditions for leaf in leaves))
    if not all(asked):
        return []
    return [exp.or_(*[exp.and_(*met(conditions, column("as_of"))) for conditions in asked])]


def _inside(line: Timeline, leaf: Leaf, value: exp.Expr) -> exp.Expr:
    """Return the value of slots inside the leaf's stretch, else null."""
    bands = line.bands(leaf)
    limits: list[exp.Expr] = []
    if bands.start > 0:
        limits.append(exp.GTE(this=column("band", "m"), expression=number(bands.start)))
    if bands.stop < len(line.offsets) - 1:
        limits.append(exp.LT(this=column("band", "m"), expression=number(bands.stop)))
    return when(exp.and_(*limits), value) if limits else value


class _Columns:
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


def _keys(*names: tuple[str, str]) -> list[exp.Expr]:
    return [column(name, of) for name, of in names]


def _merge_of(scan: SlotScan, line: Timeline, source: str, keys: list[exp.Expr], wanted: list[exp.Expr]) -> exp.Select:
    """Join partials to the as_ofs their slot counts for, as far as they were known by then."""
    counts = [
        exp.EQ(this=column("slot", "m"), expression=column("slot", "p")),
        exp.GTE(this=column("number", "m"), expression=column("known", "p")),
    ]
    query = exp.select(*[key.copy() for key in keys], *wanted).from_(relation(source, "p"))
    return query.join(relation(line.slots, "m"), on=exp.and_(*counts)).group_by(*keys)


# --- sums: partials merged -------------------------------------------------------------------


@dataclass(frozen=True)
class Steps:
    """How a statistic is taken in three steps.

    `partials`: of a slot's rows. `merges`: of the partials inside the window, each of which may look at
    all of them. `finish`: from what was merged, and the end of the window.
    """

    partials: Callable[[Measure, _Only], list[exp.Expr]]
    merges: Callable[[list[exp.Expr]], list[exp.Expr]]
    finish: Callable[[list[exp.Expr], exp.Expr], exp.Expr] = lambda merged, end: merged[0]


def _of(measure: Measure) -> exp.Expr:
    assert measure.column is not None
    return column(measure.column, "r")


def _clock(measure: Measure) -> exp.Expr:
    return column(measure.rows.clock, "r")


def _lasted(measure: Measure) -> exp.Expr:
    return seconds(_of(measure), column(measure.until or "", "r"))


def _sum_all(inside: list[exp.Expr]) -> list[exp.Expr]:
    return [exp.Sum(this=value) for value in inside]


def _largest(inside: list[exp.Expr]) -> list[exp.Expr]:
    return [exp.Max(this=inside[0])]


def _value_at_largest(inside: list[exp.Expr]) -> list[exp.Expr]:
    value, by = inside
    return [hook("NEWEST_VALUE", value, by)]


def _sum_and_count(only: _Only, value: exp.Expr) -> list[exp.Expr]:
    return [only.over(exp.Sum(this=value)), double(only.over(exp.Count(this=value.copy())))]


def _days_since(merged: list[exp.Expr], end: exp.Expr) -> exp.Expr:
    return in_days(seconds(merged[0], end))


def _bits_set(mask: exp.Expr) -> exp.Expr:
    return exp.BitwiseCount(this=mask)


def _newest_and_when(value: exp.Expr, at: exp.Expr) -> list[exp.Expr]:
    return [hook("NEWEST_VALUE", value, at), exp.Max(this=where_known(value.copy(), at.copy()))]


def _largest_and_when(value: exp.Expr, at: exp.Expr) -> list[exp.Expr]:
    return [hook("NEWEST_VALUE", where_known(value, at), value.copy()), exp.Max(this=value.copy())]


_SUMS: dict[str, Steps] = {
    "count": Steps(lambda m, only: [double(only.over(exp.Count(this=number(1))))], _sum_all),
    "sum": Steps(lambda m, only: [only.over(exp.Sum(this=_of(m)))], _sum_all),
    "mean": Steps(lambda m, only: _sum_and_count(only, _of(m)), _sum_all, lambda merged, end: over(*merged)),
    "hours between": Steps(
        lambda m, only: _sum_and_count(only, _lasted(m)),
        _sum_all,
        lambda merged, end: exp.Div(this=over(*merged), expression=number(3600)),
    ),
    "largest": Steps(lambda m, only: [only.over(exp.Max(this=_of(m)))], _largest),
    "days since last": Steps(lambda m, only: [only.over(exp.Max(this=_clock(m)))], _largest, _days_since),
    "days since first": Steps(
        lambda m, only: [only.over(exp.Min(this=_clock(m)))], lambda inside: [exp.Min(this=inside[0])], _days_since
    ),
    "days since largest": Steps(
        lambda m, only: _largest_and_when(only(_of(m)), _clock(m)), _value_at_largest, _days_since
    ),
    "distinct days": Steps(
        lambda m, only: [only.over(exp.BitwiseOrAgg(this=column(half, "d"))) for half in ("low", "high")],
        lambda inside: [exp.BitwiseOrAgg(this=half) for half in inside],
        lambda merged, end: exp.Add(this=_bits_set(merged[0]), expression=_bits_set(merged[1])),
    ),
    "latest": Steps(lambda m, only: _newest_and_when(only(_of(m)), _clock(m)), _value_at_largest),
}


def _sums(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    partials = _Columns("p")
    merged = []
    for leaf, name in leaves.items():
        steps = _SUMS[leaf.measure.statistic]
        names = [partials.add(partial) for partial in steps.partials(leaf.measure, _Only(leaf))]
        inside = [_inside(line, leaf, column(partial, "p")) for partial in names]
        value = steps.finish(steps.merges(inside), days_before(column("as_of", "m"), leaf.shift))
        merged.append(exp.alias_(value, name, quoted=True))
    part = _partial(scan, line, partials.selected)
    keys = _keys(("account_id", "p"), ("as_of", "m"))
    return [(f"{scan.name}_part", part), (scan.name, _merge_of(scan, line, f"{scan.name}_part", keys, merged))]


def _partial(scan: SlotScan, line: Timeline, wanted: list[exp.Expr]) -> exp.Select:
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    query = _placed(scan, line, [*_keys(("account_id", "r"), ("slot", "d")), known, *wanted])
    return query.group_by(*_keys(("account_id", "r"), ("slot", "d"), ("number", "k")))


# --- values: quantiles of the rows themselves ------------------------------------------------


def _values(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Take all quantiles of the same rows at once."""
    named = sorted(set().union(*(columns_read(leaf.measure) for leaf in leaves)) - {scan.clock})
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    rows = _placed(scan, line, [*_keys(("account_id", "r"), ("slot", "d")), known, *[column(n, "r") for n in named]])
    rows = rows.where(*_any(leaves))
    lists = _Columns("q")
    for shares in _alike(leaves):
        lists.add(_quantiles(line, shares))
    keys = _keys(("account_id", "p"), ("as_of", "m"))
    taken = _merge_of(scan, line, f"{scan.name}_rows", keys, lists.selected)
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
    value = _Only(leaves[0])(_inside(line, leaves[0], column(measure.column or "", "p")))
    return hook("QUANTILES_LINEAR", value, *[number(leaf.measure.share or 0) for leaf in leaves])


# --- each: the values of a column, one by one ------------------------------------------------


def _each(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Note per value what its rows did in a slot, then in a window, then ask it of all values."""
    value = column(scan.each or "", "r")
    partials, seen = _Columns("p"), _Columns("b")
    asked = []
    for leaf, name in leaves.items():
        asked.append(exp.alias_(_EACH[leaf.measure.statistic](leaf, line, partials, seen), name, quoted=True))
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    wanted = [*_keys(("account_id", "r"), ("slot", "d")), known, exp.alias_(value, "each", quoted=True)]
    part = _placed(scan, line, [*wanted, *partials.selected])
    part = part.where(exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null())), *_any(leaves))
    part = part.group_by(*_keys(("account_id", "r"), ("slot", "d"), ("number", "k")), value.copy())
    keys = _keys(("account_id", "p"), ("as_of", "m"), ("each", "p"))
    merged = _merge_of(scan, line, f"{scan.name}_part", keys, seen.selected)
    by = [column(key) for key in SNAPSHOT]
    last = exp.select(*[key.copy() for key in by], *asked).from_(f"{scan.name}_seen").group_by(*by)
    return [(f"{scan.name}_part", part), (f"{scan.name}_seen", merged), (scan.name, last)]


def _distinct(leaf: Leaf, line: Timeline, partials: _Columns, seen: _Columns) -> exp.Expr:
    """Count the values seen in a window's bands; one set of bits tells it for every window."""
    bit = hook("BIT_OF", column("band", "m"))
    if leaf.measure.rows.conditions:
        flag = partials.add(_Only(leaf).over(exp.Max(this=number(1))))
        bit = when(exp.EQ(this=column(flag, "p"), expression=number(1)), bit)
    bits = seen.add(exp.BitwiseOrAgg(this=bit))
    mask = sum(1 << band for band in line.bands(leaf))
    both = exp.paren(exp.BitwiseAnd(this=column(bits), expression=number(mask)))
    return exp.Count(this=when(exp.GT(this=both, expression=number(0)), number(1)))


def _rows_of_value(leaf: Leaf, line: Timeline, partials: _Columns, seen: _Columns) -> exp.Expr:
    rows = partials.add(double(_Only(leaf).over(exp.Count(this=number(1)))))
    return column(seen.add(exp.Sum(this=_inside(line, leaf, column(rows, "p")))))


def _most_per(leaf: Leaf, line: Timeline, partials: _Columns, seen: _Columns) -> exp.Expr:
    return exp.Max(this=_rows_of_value(leaf, line, partials, seen))


def _days_since_most_per(leaf: Leaf, line: Timeline, partials: _Columns, seen: _Columns) -> exp.Expr:
    rows = _rows_of_value(leaf, line, partials, seen)
    newest = partials.add(_Only(leaf).over(exp.Max(this=_clock(leaf.measure))))
    last = column(seen.add(exp.Max(this=_inside(line, leaf, column(newest, "p")))))
    return in_days(seconds(hook("NEWEST_VALUE", last, rows), days_before(column("as_of"), leaf.shift)))


def _done_elsewhere(leaf: Leaf, line: Timeline, partials: _Columns, seen: _Columns) -> exp.Expr:
    only, where = _Only(leaf), column(leaf.measure.until or "", "r")
    of_kind = [exp.EQ(this=column("kind", "r"), expression=exp.convert(kind)) for kind in kinds_of(leaf.measure)]
    asked: dict[str, exp.Expr] = {
        "failed": exp.Max(this=only(when(of_kind[0], number(1)))),
        "done": exp.Max(this=only(when(of_kind[1], number(1)))),
        "first": exp.Min(this=only(where)),
        "final": exp.Max(this=only(where.copy())),
    }
    found: dict[str, exp.Expr] = {}
    for said, partial in asked.items():
        inside = _inside(line, leaf, column(partials.add(partial), "p"))
        found[said] = column(seen.add(exp.Min(this=inside) if said == "first" else exp.Max(this=inside)))
    return exp.Count(this=when(is_done_elsewhere(found), number(1)))


_EACH: dict[str, Callable[[Leaf, Timeline, _Columns, _Columns], exp.Expr]] = {
    "distinct": _distinct,
    "most per": _most_per,
    "days since most per": _days_since_most_per,
    "done elsewhere": _done_elsewhere,
}


# --- newest: the newest time without a window ------------------------------------------------


def _newest(scan: SlotScan, leaves: dict[Leaf, str], line: Timeline) -> list[tuple[str, exp.Select]]:
    """Keep the newest time by the as_of that first knew it; each as_of looks at those before it.

    Of what is known at an as_of the newest is enough: if it lies too far back, so does the rest.
    """
    partials = _Columns("p")
    names = {leaf: partials.add(_Only(leaf).over(exp.Max(this=_clock(leaf.measure)))) for leaf in leaves}
    known = exp.alias_(column("number", "k"), "known", quoted=True)
    part = _placed(scan, line, [column("account_id", "r"), known, *partials.selected]).where(*_any(leaves))
    part = part.group_by(*_keys(("account_id", "r"), ("number", "k")))
    keys = _keys(("account_id", "p"), ("as_of", "m"))
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


_KINDS = {
    **dict.fromkeys(_SUMS, "sums"),
    **dict.fromkeys(_EACH, "each"),
    "quantile": "values",
}
_STEPS: dict[str, Callable[[SlotScan, dict[Leaf, str], Timeline], list[tuple[str, exp.Select]]]] = {
    "sums": _sums,
    "values": _values,
    "each": _each,
    "newest": _newest,
}
