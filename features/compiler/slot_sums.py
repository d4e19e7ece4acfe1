"""Statistics that can be merged from partial results per slot: counts, sums, means, extremes, distinct days."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.catalogue.language import Measure
from undertow.features.compiler.dialects import (
    NEARLY_NOTHING,
    NamedQuery,
    column,
    days_before,
    double,
    exact_sum,
    hook,
    in_days,
    number,
    over,
    seconds,
    where_known,
)
from undertow.features.compiler.leaf import Leaf, Only, weight
from undertow.features.compiler.slot_rows import (
    FIRST,
    NamedColumns,
    SlotScan,
    group_rows,
    key_columns,
    merge_slots,
    only_rows_of,
    value_inside,
)
from undertow.features.compiler.timeline import Timeline


@dataclass(frozen=True)
class Steps:
    """The three steps of a statistic in the slot plan.

    `partials`: aggregates of a slot's rows. `merges`: aggregates of the partial results inside the window.
    `finish`: the value, from the merged results and the end of the window.
    """

    partials: Callable[[Measure, Only], list[exp.Expr]]
    merges: Callable[[list[exp.Expr]], list[exp.Expr]]
    finish: Callable[[list[exp.Expr], exp.Expr], exp.Expr] = lambda merged, end: merged[0]


def _of(measure: Measure) -> exp.Expr:
    assert measure.column is not None
    return column(measure.column, "r")


def clock(measure: Measure) -> exp.Expr:
    """Return the time column that assigns the measure's rows to windows."""
    return column(measure.rows.clock, "r")


def _duration(measure: Measure) -> exp.Expr:
    return seconds(_of(measure), column(measure.until or "", "r"))


def _in_hours(measure: Measure) -> exp.Expr:
    return exp.Div(this=_duration(measure), expression=number(3600))


def _sum_all(inside: list[exp.Expr]) -> list[exp.Expr]:
    return [exp.Sum(this=value) for value in inside]


def _exact_sum_all(inside: list[exp.Expr]) -> list[exp.Expr]:
    return [exact_sum(value) for value in inside]


def _largest(inside: list[exp.Expr]) -> list[exp.Expr]:
    return [exp.Max(this=inside[0])]


def _value_at_largest(inside: list[exp.Expr]) -> list[exp.Expr]:
    value, by = inside
    return [hook("NEWEST_VALUE", value, by)]


def _sum_and_count(only: Only, value: exp.Expr) -> list[exp.Expr]:
    return [exp.Sum(this=only(value)), double(exp.Count(this=only(value.copy())))]


def _days_since(merged: list[exp.Expr], end: exp.Expr) -> exp.Expr:
    return in_days(seconds(merged[0], end))


def _bits_set(mask: exp.Expr) -> exp.Expr:
    return exp.BitwiseCount(this=mask)


def _newest_and_when(value: exp.Expr, at: exp.Expr) -> list[exp.Expr]:
    return [hook("NEWEST_VALUE", value, at), exp.Max(this=where_known(value.copy(), at.copy()))]


def _largest_and_when(value: exp.Expr, at: exp.Expr) -> list[exp.Expr]:
    return [hook("NEWEST_VALUE", where_known(value, at), value.copy()), exp.Max(this=value.copy())]


SUMS: dict[str, Steps] = {
    "count": Steps(lambda m, only: [double(exp.Count(this=only(number(1))))], _sum_all),
    "sum": Steps(lambda m, only: [exp.Sum(this=only(_of(m)))], _sum_all),
    "mean": Steps(lambda m, only: _sum_and_count(only, _of(m)), _sum_all, lambda merged, end: over(*merged)),
    "hours between": Steps(
        lambda m, only: _sum_and_count(only, _duration(m)),
        _sum_all,
        lambda merged, end: exp.Div(this=over(*merged), expression=number(3600)),
    ),
    "sum of hours": Steps(lambda m, only: [exp.Sum(this=only(_in_hours(m)))], _sum_all),
    "largest": Steps(lambda m, only: [exp.Max(this=only(_of(m)))], _largest),
    "days since last": Steps(lambda m, only: [exp.Max(this=only(clock(m)))], _largest, _days_since),
    "days since first": Steps(
        lambda m, only: [exp.Min(this=only(clock(m)))], lambda inside: [exp.Min(this=inside[0])], _days_since
    ),
    "days since largest": Steps(
        lambda m, only: _largest_and_when(only(_of(m)), clock(m)), _value_at_largest, _days_since
    ),
    "distinct days": Steps(
        lambda m, only: [exp.BitwiseOrAgg(this=only(column(half, "d"))) for half in ("low", "high")],
        lambda inside: [exp.BitwiseOrAgg(this=half) for half in inside],
        lambda merged, end: exp.Add(this=_bits_set(merged[0]), expression=_bits_set(merged[1])),
    ),
    "latest": Steps(lambda m, only: _newest_and_when(only(_of(m)), clock(m)), _value_at_largest),
}


def _weight(measure: Measure) -> exp.Expr:
    """Return the weight of a row at the first as_of at which it counts."""
    assert measure.half_life is not None
    return weight(measure.half_life, clock(measure), column(FIRST, "k"))


def _weighed(measure: Measure, value: exp.Expr) -> exp.Expr:
    return exp.Mul(this=_weight(measure), expression=exp.paren(value))


FADING_SUMS: dict[str, Steps] = {
    "count": Steps(lambda m, only: [exact_sum(only(_weight(m)))], _exact_sum_all),
    "sum": Steps(lambda m, only: [exact_sum(only(_weighed(m, _of(m))))], _exact_sum_all),
    "sum of hours": Steps(lambda m, only: [exact_sum(only(_weighed(m, _in_hours(m))))], _exact_sum_all),
    "mean": Steps(
        lambda m, only: [
            exact_sum(only(_weighed(m, _of(m)))),
            exact_sum(only(where_known(_of(m), _weight(m)))),
        ],
        _exact_sum_all,
        lambda merged, end: over(*merged, above=NEARLY_NOTHING),
    ),
}


def steps_of_sum(measure: Measure) -> Steps:
    """Return the three steps of a statistic that can be merged."""
    return (SUMS if measure.half_life is None else FADING_SUMS)[measure.statistic]


def sum_queries(scan: SlotScan, leaves: dict[Leaf, str], timeline: Timeline) -> list[NamedQuery]:
    """Return the queries of a scan of kind "sums" or "of all": partial results per slot, then their merge per as_of."""
    partials, source = NamedColumns("p"), f"{scan.name}_part"
    merged = []
    for leaf, name in leaves.items():
        steps = steps_of_sum(leaf.measure)
        names = [partials.add(partial) for partial in steps.partials(leaf.measure, only_rows_of(leaf))]
        inside = [value_inside(timeline, leaf, column(partial, "p")) for partial in names]
        value = steps.finish(steps.merges(inside), days_before(column("as_of", "p"), leaf.shift))
        merged.append(exp.alias_(value, name, quoted=True))
    keys = key_columns(*[(key, "r") for key in scan.keys if key != "as_of"])
    part = group_rows(scan, timeline, keys, [*partials.selected, *first_as_of(leaves)])
    return [(source, part), (scan.name, merge_slots(timeline, source, scan.keys, merged))]


def first_as_of(leaves: Iterable[Leaf]) -> list[exp.Expr]:
    """Return the first as_of at which the rows of a slot count, as a column; empty where no leaf fades."""
    fades = any(leaf.measure.half_life for leaf in leaves)
    return [exp.alias_(exp.Min(this=column(FIRST, "k")), FIRST, quoted=True)] * fades
