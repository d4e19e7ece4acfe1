"""The plain plan: each table is joined once to the snapshots on account and time.

It works for any as_of, each account having its own, and it is what the slot plan is checked against.
The join is where leaks are made impossible: it keeps a row only if it had happened and was recorded
before as_of, and it shows a late-known column only from the moment it became known. Everything above
it aggregates what the join lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.catalogue.language import Measure, columns_read
from undertow.features.compiler.dialects import (
    SECONDS_A_DAY,
    column,
    day,
    days_before,
    equal,
    hook,
    in_days,
    number,
    relation,
    seconds,
    when,
    where_known,
)
from undertow.features.compiler.leaf import Leaf, met
from undertow.features.compiler.point_in_time import is_known, known_value
from undertow.features.tables import TABLES

SECONDS_A_MONTH = SECONDS_A_DAY * 365.25 / 12
SNAPSHOT = ("account_id", "as_of")
NESTED = ("most per", "days since most per", "done elsewhere")


@dataclass(frozen=True)
class RangeScan:
    """One join of a table to the snapshots, as far back as `lookback` days (None: all history).

    `each`: the column whose values are looked at one by one, or None.
    """

    table: str
    lookback: int | None
    each: str | None
    snapshots: str

    @property
    def name(self) -> str:
        """Return the name of the relation it yields."""
        return "_".join(filter(None, [self.table, str(self.lookback or "ever"), self.each and f"each_{self.each}"]))

    def steps(self, leaves: dict[Leaf, str]) -> list[tuple[str, exp.Select]]:
        """Return the named queries that yield (account_id, as_of, one column a leaf), the last so named."""
        if self.each is None:
            return [(f"{self.name}_rows", self._known(leaves)), (self.name, self._one_by_one(leaves))]
        return [
            (f"{self.name}_rows", self._known(leaves)),
            (f"{self.name}_seen", self._per_value(leaves)),
            (self.name, self._over_values(leaves)),
        ]

    def _known(self, leaves: dict[Leaf, str]) -> exp.Select:
        """Join the table to the snapshots, letting through only what was known before as_of."""
        table = TABLES[self.table]
        as_of = column("as_of", "s")
        named = sorted(set().union(*(columns_read(leaf.measure) for leaf in leaves)))
        wanted: list[exp.Expr] = [column("account_id", "s"), as_of.copy()]
        wanted += [exp.alias_(known_value(table, name, "r", as_of), name, quoted=True) for name in named]
        conditions = [equal(("account_id",), "r", "s"), *is_known(table, "r", as_of)]
        if self.lookback is not None:
            conditions.append(exp.GTE(this=column(table.happened_at, "r"), expression=days_before(as_of, self.lookback)))
        query = exp.select(*wanted).from_(relation(self.snapshots, "s"))
        return query.join(relation(self.table, "r"), on=exp.and_(*conditions))

    def _one_by_one(self, leaves: dict[Leaf, str]) -> exp.Select:
        wanted = [exp.alias_(_aggregate(leaf), name, quoted=True) for leaf, name in leaves.items()]
        return _grouped(f"{self.name}_rows", SNAPSHOT, wanted)

    def _per_value(self, leaves: dict[Leaf, str]) -> exp.Select:
        """Count each value's rows, and note what else its leaves ask of it."""
        assert self.each is not None
        wanted: list[exp.Expr] = []
        for leaf, name in leaves.items():
            only = _only(leaf)
            last = exp.Max(this=only(_clock(leaf.measure)))
            parts: dict[str, exp.Expr] = {"rows": exp.Count(this=only(number(1))), "last": last}
            if leaf.measure.statistic == "done elsewhere":
                parts = _places(leaf.measure, only)
            wanted += [exp.alias_(part, f"{name}_{said}", quoted=True) for said, part in parts.items()]
        query = _grouped(f"{self.name}_rows", (*SNAPSHOT, self.each), wanted)
        return query.where(exp.Not(this=exp.Is(this=column(self.each), expression=exp.Null())))

    def _over_values(self, leaves: dict[Leaf, str]) -> exp.Select:
        wanted = [exp.alias_(_over_values(leaf, name), name, quoted=True) for leaf, name in leaves.items()]
        return _grouped(f"{self.name}_seen", SNAPSHOT, wanted)


def range_scan(leaf: Leaf, snapshots: str) -> RangeScan:
    """Return the scan that yields a leaf."""
    rows = leaf.measure.rows
    each = leaf.measure.column if leaf.measure.statistic in NESTED else None
    if leaf.reach is None or rows.clock != TABLES[rows.table].happened_at:
        return RangeScan(rows.table, None, each, snapshots)
    return RangeScan(rows.table, round_up(leaf.reach), each, snapshots)


def round_up(days: int) -> int:
    """Return one of few reaches, so that there are few scans of a table."""
    return next((step for step in (90, 365, 1095) if days <= step), days)


def _grouped(source: str, keys: tuple[str, ...], wanted: list[exp.Expr]) -> exp.Select:
    by = [column(key) for key in keys]
    return exp.select(*[key.copy() for key in by], *wanted).from_(source).group_by(*by)


# --- a leaf: one aggregate -------------------------------------------------------------------

Only = Callable[[exp.Expr], exp.Expr]


def _end(leaf: Leaf) -> exp.Expr:
    return days_before(column("as_of"), leaf.shift)


def _only(leaf: Leaf) -> Only:
    """Return what keeps a value only of rows inside the leaf's stretch that meet its conditions."""
    clock = _clock(leaf.measure)
    inside: list[exp.Expr] = [exp.LT(this=clock, expression=_end(leaf))]
    if leaf.days is not None:
        inside.append(exp.GTE(this=clock.copy(), expression=days_before(column("as_of"), leaf.days + leaf.shift)))
    condition = exp.and_(*inside, *met(leaf.measure.rows.conditions, _end(leaf)))
    return lambda value: when(condition.copy(), value)


def _aggregate(leaf: Leaf) -> exp.Expr:
    return _STATISTICS[leaf.measure.statistic](leaf.measure, _only(leaf), _end(leaf))


def _of(measure: Measure) -> exp.Expr:
    assert measure.column is not None
    return column(measure.column)


def _clock(measure: Measure) -> exp.Expr:
    return column(measure.rows.clock)


def _hours(measure: Measure, only: Only, end: exp.Expr) -> exp.Expr:
    assert measure.until is not None
    return exp.Div(this=exp.Avg(this=only(seconds(_of(measure), column(measure.until)))), expression=number(3600))


def _days_until(measure: Measure, only: Only, end: exp.Expr) -> exp.Expr:
    ahead = exp.Case().when(exp.GTE(this=_of(measure), expression=end.copy()), seconds(end.copy(), _of(measure)))
    if measure.until is not None:
        months = column(measure.until)
        round_trip = exp.Mul(this=months, expression=number(SECONDS_A_MONTH))
        past = exp.Mod(this=exp.paren(seconds(_of(measure), end.copy())), expression=exp.paren(round_trip))
        comes_again = exp.GT(this=months.copy(), expression=number(0))
        ahead = ahead.when(comes_again, exp.Sub(this=round_trip.copy(), expression=past))
    return in_days(exp.Min(this=only(ahead)))


_STATISTICS: dict[str, Callable[[Measure, Only, exp.Expr], exp.Expr]] = {
    "count": lambda m, only, end: exp.Count(this=only(number(1))),
    "sum": lambda m, only, end: exp.Sum(this=only(_of(m))),
    "mean": lambda m, only, end: exp.Avg(this=only(_of(m))),
    "largest": lambda m, only, end: exp.Max(this=only(_of(m))),
    "quantile": lambda m, only, end: hook("QUANTILE_LINEAR", only(_of(m)), number(m.share or 0)),
    "distinct": lambda m, only, end: exp.Count(this=exp.Distinct(expressions=[only(_of(m))])),
    "distinct days": lambda m, only, end: exp.Count(this=exp.Distinct(expressions=[only(day(_clock(m)))])),
    "days since last": lambda m, only, end: in_days(exp.Min(this=only(seconds(_clock(m), end.copy())))),
    "days since first": lambda m, only, end: in_days(exp.Max(this=only(seconds(_clock(m), end.copy())))),
    "days since largest": lambda m, only, end: in_days(
        seconds(hook("NEWEST_VALUE", only(where_known(_of(m), _clock(m))), only(_of(m))), end.copy())
    ),
    "days until": _days_until,
    "hours between": _hours,
    "latest": lambda m, only, end: hook("NEWEST_VALUE", only(_of(m)), _clock(m)),
}


# --- a leaf over the values of a column, one by one ------------------------------------------


def _places(measure: Measure, only: Only) -> dict[str, exp.Expr]:
    """Return whether a value failed, whether it was done, and the first and last of its places."""
    failed, done = kinds_of(measure)
    where = column(measure.until or "")
    return {
        "failed": exp.Max(this=only(when(exp.EQ(this=column("kind"), expression=exp.convert(failed)), number(1)))),
        "done": exp.Max(this=only(when(exp.EQ(this=column("kind"), expression=exp.convert(done)), number(1)))),
        "first": exp.Min(this=only(where)),
        "final": exp.Max(this=only(where.copy())),
    }


def kinds_of(measure: Measure) -> tuple[str, str]:
    """Return the (failed, done) kinds of a "done elsewhere" measure."""
    kinds = next(c.value for c in measure.rows.conditions if c.column == "kind")
    assert isinstance(kinds, tuple)
    return str(kinds[0]), str(kinds[1])


def _over_values(leaf: Leaf, name: str) -> exp.Expr:
    if leaf.measure.statistic == "most per":
        return exp.Max(this=column(f"{name}_rows"))
    if leaf.measure.statistic == "days since most per":
        return in_days(seconds(hook("NEWEST_VALUE", column(f"{name}_last"), column(f"{name}_rows")), _end(leaf)))
    found: dict[str, exp.Expr] = {said: column(f"{name}_{said}") for said in ("failed", "done", "first", "final")}
    return exp.Count(this=when(is_done_elsewhere(found), number(1)))


def is_done_elsewhere(found: dict[str, exp.Expr]) -> exp.Expr:
    """Return "it failed and it was done, and not both at one and the same place"."""
    return exp.and_(
        exp.EQ(this=found["failed"], expression=number(1)),
        exp.EQ(this=found["done"], expression=number(1)),
        exp.NEQ(this=found["first"], expression=found["final"]),
    )
