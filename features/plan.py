"""From definitions to one query: the plain range-join plan.

Each table a feature reads is joined once to the snapshots on account and time. That join is
where leaks are made impossible: it keeps a row only if it had happened and was recorded before
as_of, and it shows a late-known column only from the moment it became known. Everything above
it aggregates what that join lets through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from features.definition import (
    ZERO_WHEN_NOTHING,
    Column,
    Condition,
    Measure,
    Ratio,
)
from features.tables import TABLES, Table

SECONDS_A_DAY = 86_400
SECONDS_A_MONTH = SECONDS_A_DAY * 365.25 / 12
DIALECT = "duckdb"

# What no two dialects say alike. Names are ours, so that no dialect's own function is taken
# for them; each is checked by value in the tests.
HOOKS: dict[str, dict[str, Callable[..., str]]] = {
    "duckdb": {
        "QUANTILE_LINEAR": lambda x, q: f"quantile_cont({x}, {q})",
        "SECONDS_BETWEEN": lambda a, b: f"((epoch_us({b}) - epoch_us({a})) / 1e6)",
        "NEWEST_VALUE": lambda value, at: f"arg_max({value}, ({at}, {value}))",
    }
}


@dataclass(frozen=True)
class _Leaf:
    """A measure over one stretch of time: `days` long, ending `shift` days before as_of."""

    measure: Measure
    days: int | None
    shift: int


@dataclass(frozen=True)
class _Scan:
    """One join of a table to the snapshots, as far back as `lookback` days (None: all history)."""

    table: str
    lookback: int | None


@dataclass
class _Leaves:
    """Every distinct leaf and the column it is computed as, grouped by the scan that yields it."""

    scans: dict[_Scan, dict[_Leaf, str]] = field(default_factory=dict)

    def column(self, leaf: _Leaf, lookback: int | None) -> exp.Expr:
        """Return a reference to the leaf's column, adding the leaf if it is new."""
        found = self.scans.setdefault(_scan(leaf, lookback), {})
        name = found.setdefault(leaf, f"m{len(found)}")
        reference = exp.column(name, table=_scan_name(_scan(leaf, lookback)))
        if leaf.measure.statistic in ZERO_WHEN_NOTHING:
            return exp.Coalesce(this=reference, expressions=[_number(0)])
        return reference


def compile_features(columns: Iterable[Column], snapshots: str = "snapshots") -> str:
    """Return the query that yields (account_id, as_of, one column a feature column).

    `snapshots`: a table of (account_id, as_of). Tables are read by their own names. One row a
    snapshot comes back, in no order.
    """
    leaves = _Leaves()
    wanted = [exp.alias_(_column(column, leaves), column.name, quoted=True) for column in columns]
    query = exp.select(exp.column("account_id", table="s"), exp.column("as_of", table="s"), *wanted)
    query = query.from_(exp.alias_(exp.to_table(snapshots), "s", table=True))
    for scan, found in leaves.scans.items():
        name = _scan_name(scan)
        query = query.with_(f"{name}_rows", as_=_known_rows(scan, found, snapshots), copy=False)
        query = query.with_(name, as_=_aggregate(scan, found), copy=False)
        query = query.join(exp.to_table(name), on=_same_snapshot(name), join_type="left", copy=False)
    return print_sql(query)


def print_sql(query: exp.Expr, dialect: str = DIALECT) -> str:
    """Print a query in a dialect, our own functions through its hooks."""

    def spell(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous) and node.name in HOOKS[dialect]:
            said = [argument.sql(dialect) for argument in node.expressions]
            return exp.Var(this=HOOKS[dialect][node.name](*said))
        return node

    return _bottom_up(query.copy(), spell).sql(dialect, pretty=True)


def _bottom_up(node: exp.Expr, change: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    for child in list(node.iter_expressions()):
        changed = _bottom_up(child, change)
        if changed is not child:
            child.replace(changed)
    return change(node)


# --- a feature column over its leaves --------------------------------------------------------


def _column(column: Column, leaves: _Leaves) -> exp.Expr:
    now = _value(column, 0, leaves)
    if column.before is None:
        return now if column.feature.unit == "text" else _double(now)
    return _double(exp.Sub(this=now, expression=_value(column, column.before, leaves)))


def _value(column: Column, shift: int, leaves: _Leaves) -> exp.Expr:
    measure, lookback = column.feature.measure, column.feature.lookback

    def leaf(part: Measure) -> exp.Expr:
        return leaves.column(_Leaf(part, column.window or lookback, shift), lookback)

    if not isinstance(measure, Ratio):
        return leaf(measure)
    under = leaf(measure.under)
    ratio = exp.Div(this=_double(leaf(measure.over)), expression=_double(under.copy()))
    return exp.Case().when(exp.GT(this=under, expression=_number(0)), ratio)


# --- a scan: what was known at as_of ---------------------------------------------------------


def _scan(leaf: _Leaf, lookback: int | None) -> _Scan:
    rows = leaf.measure.rows
    own_clock = rows.clock == TABLES[rows.table].happened_at
    reach = leaf.days if leaf.days is not None else lookback
    if reach is None or not own_clock:
        return _Scan(rows.table, None)
    return _Scan(rows.table, _round_up(reach + leaf.shift))


def _round_up(days: int) -> int:
    """Few different reaches mean few scans of a table."""
    return next((step for step in (90, 365, 730) if days <= step), days)


def _scan_name(scan: _Scan) -> str:
    return f"{scan.table}_{scan.lookback or 'ever'}"


def _known_rows(scan: _Scan, leaves: dict[_Leaf, str], snapshots: str) -> exp.Select:
    """Join a table to the snapshots, letting through only what was known before as_of."""
    table = TABLES[scan.table]
    as_of = exp.column("as_of", table="s")
    wanted: list[exp.Expr] = [exp.column("account_id", table="s"), as_of]
    wanted += [exp.alias_(_masked(table, name, as_of), name) for name in _columns_read(leaves)]
    happened_at = exp.column(table.happened_at, table="r")
    conditions = [
        exp.EQ(this=exp.column("account_id", table="r"), expression=exp.column("account_id", table="s")),
        exp.LT(this=happened_at, expression=as_of),
    ]
    if table.column("recorded_at"):
        conditions.append(exp.LT(this=exp.column("recorded_at", table="r"), expression=as_of))
    if scan.lookback is not None:
        conditions.append(exp.GTE(this=happened_at, expression=_days_before(as_of, scan.lookback)))
    source = exp.alias_(exp.to_table(scan.table), "r", table=True)
    query = exp.select(*wanted).from_(exp.alias_(exp.to_table(snapshots), "s", table=True))
    return query.join(source, on=exp.and_(*conditions))


def _columns_read(leaves: dict[_Leaf, str]) -> list[str]:
    named: set[str] = set()
    for leaf in leaves:
        measure = leaf.measure
        named |= {condition.column for condition in measure.rows.conditions} | {measure.rows.clock}
        named |= {column for column in (measure.column, measure.until) if column is not None}
    return sorted(named)


def _masked(table: Table, name: str, as_of: exp.Expr) -> exp.Expr:
    """Return the column as it was known at as_of: null until its known_from time has passed."""
    column = table.column(name)
    value = exp.column(name, table="r", quoted=True)
    if column is None or column.known_from is None:
        return value
    known = exp.LT(this=exp.column(column.known_from, table="r"), expression=as_of)
    return exp.Case().when(known, value)


def _aggregate(scan: _Scan, leaves: dict[_Leaf, str]) -> exp.Select:
    keys = [exp.column("account_id"), exp.column("as_of")]
    wanted = [exp.alias_(_leaf(leaf), name) for leaf, name in leaves.items()]
    return exp.select(*keys, *wanted).from_(f"{_scan_name(scan)}_rows").group_by(*[key.copy() for key in keys])


# --- a leaf: one aggregate -------------------------------------------------------------------


def _leaf(leaf: _Leaf) -> exp.Expr:
    """Return the aggregate of one leaf over the rows of its scan."""
    end = _days_before(exp.column("as_of"), leaf.shift) if leaf.shift else exp.column("as_of")
    inside = exp.and_(*_stretch(leaf, end), *[_condition(c, end) for c in leaf.measure.rows.conditions])

    def only(value: exp.Expr) -> exp.Expr:
        return exp.Case().when(inside.copy(), value)

    return _STATISTICS[leaf.measure.statistic](leaf.measure, only, end)


def _stretch(leaf: _Leaf, end: exp.Expr) -> list[exp.Expr]:
    clock = exp.column(leaf.measure.rows.clock, quoted=True)
    found: list[exp.Expr] = [exp.LT(this=clock, expression=end.copy())]
    if leaf.days is not None:
        start = _days_before(exp.column("as_of"), leaf.days + leaf.shift)
        found.append(exp.GTE(this=clock.copy(), expression=start))
    return found


def _condition(condition: Condition, end: exp.Expr) -> exp.Expr:
    column = exp.column(condition.column, quoted=True)
    empty = exp.Is(this=column.copy(), expression=exp.Null())
    match condition.operator:
        case "is":
            values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            return exp.In(this=column, expressions=[exp.convert(value) for value in values])
        case "above":
            return exp.GT(this=column, expression=exp.convert(condition.value))
        case "at least":
            return exp.GTE(this=column, expression=exp.convert(condition.value))
        case "below":
            return exp.LT(this=column, expression=exp.convert(condition.value))
        case "known":
            return exp.Not(this=empty)
        case "not yet":
            return exp.paren(exp.or_(empty, exp.GTE(this=column, expression=end.copy())))
        case "already":
            return exp.LT(this=column, expression=end.copy())


Only = Callable[[exp.Expr], exp.Expr]


def _of(measure: Measure) -> exp.Expr:
    assert measure.column is not None
    return exp.column(measure.column, quoted=True)


def _clock(measure: Measure) -> exp.Expr:
    return exp.column(measure.rows.clock, quoted=True)


def _seconds(earlier: exp.Expr, later: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="SECONDS_BETWEEN", expressions=[earlier, later])


def _in_days(seconds: exp.Expr) -> exp.Expr:
    return exp.Div(this=seconds, expression=_number(SECONDS_A_DAY))


def _hours(measure: Measure, only: Only, end: exp.Expr) -> exp.Expr:
    assert measure.until is not None
    lasted = _seconds(_of(measure), exp.column(measure.until, quoted=True))
    return exp.Div(this=exp.Avg(this=only(lasted)), expression=_number(3600))


def _days_until(measure: Measure, only: Only, end: exp.Expr) -> exp.Expr:
    ahead = exp.Case().when(exp.GTE(this=_of(measure), expression=end.copy()), _seconds(end.copy(), _of(measure)))
    if measure.until is not None:
        months = exp.column(measure.until, quoted=True)
        round_trip = exp.Mul(this=months, expression=_number(SECONDS_A_MONTH))
        over = exp.Mod(this=exp.paren(_seconds(_of(measure), end.copy())), expression=exp.paren(round_trip))
        comes_again = exp.GT(this=months.copy(), expression=_number(0))
        ahead = ahead.when(comes_again, exp.Sub(this=round_trip.copy(), expression=over))
    return _in_days(exp.Min(this=only(ahead)))


_STATISTICS: dict[str, Callable[[Measure, Only, exp.Expr], exp.Expr]] = {
    "count": lambda m, only, end: exp.Count(this=only(_number(1))),
    "sum": lambda m, only, end: exp.Sum(this=only(_of(m))),
    "mean": lambda m, only, end: exp.Avg(this=only(_of(m))),
    "largest": lambda m, only, end: exp.Max(this=only(_of(m))),
    "quantile": lambda m, only, end: exp.Anonymous(
        this="QUANTILE_LINEAR", expressions=[only(_of(m)), _number(m.share or 0)]
    ),
    "distinct": lambda m, only, end: exp.Count(this=exp.Distinct(expressions=[only(_of(m))])),
    "distinct days": lambda m, only, end: exp.Count(
        this=exp.Distinct(expressions=[only(exp.cast(_clock(m), "DATE"))])
    ),
    "days since last": lambda m, only, end: _in_days(exp.Min(this=only(_seconds(_clock(m), end.copy())))),
    "days since first": lambda m, only, end: _in_days(exp.Max(this=only(_seconds(_clock(m), end.copy())))),
    "days until": _days_until,
    "hours between": _hours,
    "latest": lambda m, only, end: exp.Anonymous(
        this="NEWEST_VALUE", expressions=[only(_of(m)), _clock(m)]
    ),
}


def _days_before(moment: exp.Expr, days: int) -> exp.Expr:
    return exp.Sub(this=moment.copy(), expression=exp.Interval(this=exp.convert(str(days)), unit=exp.var("DAY")))


def _same_snapshot(name: str) -> exp.Expr:
    return exp.and_(
        *[
            exp.EQ(this=exp.column(key, table=name), expression=exp.column(key, table="s"))
            for key in ("account_id", "as_of")
        ]
    )


def _double(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "DOUBLE")


def _number(value: float) -> exp.Expr:
    return exp.convert(value)
