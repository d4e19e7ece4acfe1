"""The range-join plan: joins each table once to the snapshots on account and time, and aggregates per snapshot.

It works for any as_of, also a different one per account, and is the reference against which the slot plan is tested.
The join applies the point-in-time rule, which prevents leakage: it keeps a row only if it had happened and was
recorded before as_of, and a late-known value is null before the time it became known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.catalogue.language import NESTED, Measure, columns_read
from undertow.features.compiler.dialects import (
    NEARLY_NOTHING,
    SECONDS_PER_DAY,
    NamedQuery,
    column,
    day,
    days_before,
    equal,
    exact_sum,
    hook,
    in_days,
    number,
    over,
    parse,
    print_sql,
    relation,
    seconds,
    when,
    where_known,
)
from undertow.features.compiler.leaf import Leaf, Only, row_filters, weight
from undertow.features.compiler.point_in_time import is_known, known_value
from undertow.features.tables import ALL_TABLES

SECONDS_PER_MONTH = SECONDS_PER_DAY * 365.25 / 12
SNAPSHOT = ("account_id", "as_of")


@dataclass(frozen=True)
class RangeScan:
    """One join of a table to the snapshots, as far back as `lookback` days (None: all history).

    `each`: the column by whose values rows are aggregated first, or None. `of_all`: the rows of all accounts are
    joined to each as_of, instead of those of its own account to each snapshot.
    """

    table: str
    lookback: int | None
    each: str | None
    snapshots: str
    of_all: bool = False

    @property
    def name(self) -> str:
        """Return the name of the query that yields its leaves."""
        each, of_all = self.each and f"each_{self.each}", "of_all" if self.of_all else None
        return "_".join(filter(None, [self.table, str(self.lookback or "ever"), each, of_all]))

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns that identify a row of its result."""
        return ("as_of",) if self.of_all else SNAPSHOT

    def steps(self, leaves: dict[Leaf, str]) -> list[NamedQuery]:
        """Return the named queries of the scan; the last, `name`, yields its keys and one column per leaf."""
        if self.each is None:
            return [(f"{self.name}_rows", self._known_rows(leaves)), (self.name, self._aggregates(leaves))]
        return [
            (f"{self.name}_rows", self._known_rows(leaves)),
            (f"{self.name}_seen", self._per_value(leaves)),
            (self.name, self._over_values(leaves)),
        ]

    def _known_rows(self, leaves: dict[Leaf, str]) -> exp.Select:
        names = set().union(*(columns_read(leaf.measure) for leaf in leaves))
        if self.of_all:
            return known_rows_of_all(self.table, names, self.snapshots, self.lookback)
        query = _joined_known_rows(self.table, names, self.lookback, equal(("account_id",), "r", "s"))
        return query.select(column("account_id", "s"), copy=False).from_(relation(self.snapshots, "s"), copy=False)

    def _aggregates(self, leaves: dict[Leaf, str]) -> exp.Select:
        wanted = [exp.alias_(aggregate(leaf), name, quoted=True) for leaf, name in leaves.items()]
        return grouped(f"{self.name}_rows", self.keys, wanted)

    def _per_value(self, leaves: dict[Leaf, str]) -> exp.Select:
        """Aggregate the rows per value of `each`: their number, the newest time, or the parts of "done elsewhere"."""
        assert self.each is not None
        wanted: list[exp.Expr] = []
        for leaf, name in leaves.items():
            only = _only(leaf)
            last = exp.Max(this=only(_clock(leaf.measure)))
            parts: dict[str, exp.Expr] = {"rows": exp.Count(this=only(number(1))), "last": last}
            if leaf.measure.statistic == "done elsewhere":
                parts = _done_elsewhere_parts(leaf.measure, only)
            wanted += [exp.alias_(part, f"{name}_{suffix}", quoted=True) for suffix, part in parts.items()]
        query = grouped(f"{self.name}_rows", (*SNAPSHOT, self.each), wanted)
        return query.where(exp.Not(this=exp.Is(this=column(self.each), expression=exp.Null())))

    def _over_values(self, leaves: dict[Leaf, str]) -> exp.Select:
        wanted = [exp.alias_(_over_values(leaf, name), name, quoted=True) for leaf, name in leaves.items()]
        return grouped(f"{self.name}_seen", SNAPSHOT, wanted)


def range_scan(leaf: Leaf, snapshots: str) -> RangeScan:
    """Return the range scan that computes a leaf."""
    rows = leaf.measure.rows
    each = leaf.measure.column if leaf.measure.statistic in NESTED else None
    of_all = leaf.measure.of_all
    if leaf.reach is None or rows.clock != ALL_TABLES[rows.table].happened_at:
        return RangeScan(rows.table, None, each, snapshots, of_all)
    return RangeScan(rows.table, round_up(leaf.reach), each, snapshots, of_all)


def known_rows_of_all(table: str, names: set[str], snapshots: str, lookback: int | None) -> exp.Select:
    """Return the query of the rows of all accounts that were known before each as_of of the snapshots.

    It yields account_id, as_of and the columns `names`, null where their value was not yet known.
    """
    as_ofs = exp.select("as_of").distinct().from_(snapshots).subquery("s")
    query = _joined_known_rows(table, names, lookback)
    return query.select(column("account_id", "r"), copy=False).from_(as_ofs, copy=False)


def _joined_known_rows(table: str, names: set[str], lookback: int | None, *conditions: exp.Expr) -> exp.Select:
    """Return the query, still without FROM, that joins a table (r) to as_ofs (s) by the point-in-time rule."""
    rules, as_of = ALL_TABLES[table], column("as_of", "s")
    at = print_sql(as_of)
    wanted = [exp.alias_(parse(known_value(rules, name, "r", at)), name, quoted=True) for name in sorted(names)]
    known = [*conditions, *(parse(condition) for condition in is_known(rules, "r", at))]
    if lookback is not None:
        earliest = days_before(as_of, lookback)
        known.append(exp.GTE(this=column(rules.happened_at, "r"), expression=earliest))
    return exp.select(as_of.copy(), *wanted).join(relation(table, "r"), on=exp.and_(*known))


def round_up(days: int) -> int:
    """Round a lookback up to 90, 365 or 1095 days, so that few scans of a table are needed; longer ones are kept.

    >>> round_up(120)
    365
    """
    return next((step for step in (90, 365, 1095) if days <= step), days)


def grouped(source: str, keys: tuple[str, ...], wanted: list[exp.Expr]) -> exp.Select:
    """Return the query that groups a relation by its columns `keys` and selects these and `wanted`."""
    by = [column(key) for key in keys]
    return exp.select(*[key.copy() for key in by], *wanted).from_(source).group_by(*by)


# --- a leaf as one aggregate -----------------------------------------------------------------

def _end(leaf: Leaf) -> exp.Expr:
    return days_before(column("as_of"), leaf.shift)


def _only(leaf: Leaf) -> Only:
    """Return a function that sets a value to null outside the leaf's window, and where its conditions are not met."""
    clock = _clock(leaf.measure)
    inside: list[exp.Expr] = [exp.LT(this=clock, expression=_end(leaf))]
    if leaf.days is not None:
        inside.append(exp.GTE(this=clock.copy(), expression=days_before(column("as_of"), leaf.days + leaf.shift)))
    condition = exp.and_(*inside, *row_filters(leaf.measure.rows.conditions, _end(leaf)))
    return lambda value: when(condition.copy(), value)


def aggregate(leaf: Leaf) -> exp.Expr:
    """Return a leaf as one SQL aggregate over rows that were known at as_of."""
    if leaf.measure.half_life is not None:
        return _fading(leaf, weight(leaf.measure.half_life, _clock(leaf.measure), _end(leaf)))
    return _STATISTICS[leaf.measure.statistic](leaf.measure, _only(leaf), _end(leaf))


def _fading(leaf: Leaf, weight: exp.Expr) -> exp.Expr:
    """Return a sum of weights, a weighted sum or a weighted mean."""
    only = _only(leaf)
    if leaf.measure.statistic == "count":
        return exact_sum(only(weight))
    value = _in_hours(leaf.measure) if leaf.measure.statistic == "sum of hours" else _of(leaf.measure)
    total = exact_sum(only(exp.Mul(this=weight, expression=exp.paren(value))))
    if leaf.measure.statistic in ("sum", "sum of hours"):
        return total
    return over(total, exact_sum(only(where_known(value.copy(), weight.copy()))), above=NEARLY_NOTHING)


def _of(measure: Measure) -> exp.Expr:
    assert measure.column is not None
    return column(measure.column)


def _clock(measure: Measure) -> exp.Expr:
    return column(measure.rows.clock)


def _hours(measure: Measure, only: Only, end: exp.Expr) -> exp.Expr:
    return exp.Div(this=exp.Avg(this=only(seconds(_of(measure), column(measure.until or "")))), expression=number(3600))


def _in_hours(measure: Measure) -> exp.Expr:
    return exp.Div(this=seconds(_of(measure), column(measure.until or "")), expression=number(3600))


def _seconds_ahead(measure: Measure, end: exp.Expr) -> exp.Expr:
    """Return the seconds from the end of the window to a row's time at or after it; null where there is none."""
    ahead = exp.Case().when(exp.GTE(this=_of(measure), expression=end.copy()), seconds(end.copy(), _of(measure)))
    if measure.until is not None:
        months = column(measure.until)
        period = exp.Mul(this=months, expression=number(SECONDS_PER_MONTH))
        past = exp.Mod(this=exp.paren(seconds(_of(measure), end.copy())), expression=exp.paren(period))
        recurs = exp.GT(this=months.copy(), expression=number(0))
        ahead = ahead.when(recurs, exp.Sub(this=period.copy(), expression=past))
    return ahead


_STATISTICS: dict[str, Callable[[Measure, Only, exp.Expr], exp.Expr]] = {
    "count": lambda m, only, end: exp.Count(this=only(number(1))),
    "sum": lambda m, only, end: exp.Sum(this=only(_of(m))),
    "mean": lambda m, only, end: exp.Avg(this=only(_of(m))),
    "sum of hours": lambda m, only, end: exp.Sum(this=only(_in_hours(m))),
    "largest": lambda m, only, end: exp.Max(this=only(_of(m))),
    "quantile": lambda m, only, end: hook("QUANTILE_LINEAR", only(_of(m)), number(m.share or 0)),
    "distinct": lambda m, only, end: exp.Count(this=exp.Distinct(expressions=[only(_of(m))])),
    "distinct days": lambda m, only, end: exp.Count(this=exp.Distinct(expressions=[only(day(_clock(m)))])),
    "days since last": lambda m, only, end: in_days(exp.Min(this=only(seconds(_clock(m), end.copy())))),
    "days since first": lambda m, only, end: in_days(exp.Max(this=only(seconds(_clock(m), end.copy())))),
    "days since largest": lambda m, only, end: in_days(
        seconds(hook("NEWEST_VALUE", only(where_known(_of(m), _clock(m))), only(_of(m))), end.copy())
    ),
    "days until": lambda m, only, end: in_days(exp.Min(this=only(_seconds_ahead(m, end)))),
    "days until last": lambda m, only, end: in_days(exp.Max(this=only(_seconds_ahead(m, end)))),
    "hours between": _hours,
    "latest": lambda m, only, end: hook("NEWEST_VALUE", only(_of(m)), _clock(m)),
}


# --- a leaf computed from the aggregates per value of a column -------------------------------


def _done_elsewhere_parts(measure: Measure, only: Only) -> dict[str, exp.Expr]:
    """Return, per value, whether it failed, whether it was done, and the smallest and largest of its places."""
    failed, done = kinds_of(measure)
    where = column(measure.until or "")
    return {
        "failed": exp.Max(this=only(when(exp.EQ(this=column("kind"), expression=exp.convert(failed)), number(1)))),
        "done": exp.Max(this=only(when(exp.EQ(this=column("kind"), expression=exp.convert(done)), number(1)))),
        "first": exp.Min(this=only(where)),
        "final": exp.Max(this=only(where.copy())),
    }


def kinds_of(measure: Measure) -> tuple[str, str]:
    """Return the event kinds (failed, done) of a "done elsewhere" measure."""
    kinds = next(c.value for c in measure.rows.conditions if c.column == "kind")
    assert isinstance(kinds, tuple)
    return str(kinds[0]), str(kinds[1])


def _over_values(leaf: Leaf, name: str) -> exp.Expr:
    if leaf.measure.statistic == "most per":
        return exp.Max(this=column(f"{name}_rows"))
    if leaf.measure.statistic == "days since most per":
        return in_days(seconds(hook("NEWEST_VALUE", column(f"{name}_last"), column(f"{name}_rows")), _end(leaf)))
    parts: dict[str, exp.Expr] = {part: column(f"{name}_{part}") for part in ("failed", "done", "first", "final")}
    return exp.Count(this=when(is_done_elsewhere(parts), number(1)))


def is_done_elsewhere(parts: dict[str, exp.Expr]) -> exp.Expr:
    """Return the condition that a value failed and was done, with rows in more than one place."""
    return exp.and_(
        exp.EQ(this=parts["failed"], expression=number(1)),
        exp.EQ(this=parts["done"], expression=number(1)),
        exp.NEQ(this=parts["first"], expression=parts["final"]),
    )
