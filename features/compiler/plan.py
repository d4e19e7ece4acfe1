"""Compiles feature definitions to a query plan: SQL that yields one row per snapshot and one column per feature column.

Every column is computed from leaves: measures over one time window. A leaf is computed by a slot scan (`slot_plan`)
where all accounts share the as_ofs and rows do not change once they are known, else by the range join (`range_join`).
Both follow the point-in-time rule: a row counts only if it had happened and was recorded before as_of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from sqlglot import exp

from undertow.features.catalogue.cards import OWN_DAYS, Column
from undertow.features.catalogue.language import Combination, Expression, Measure, Named, Ratio, is_amount, rows_of
from undertow.features.compiler.dialects import column as col
from undertow.features.compiler.dialects import double, equal, hook, number, over, print_sql, relation
from undertow.features.compiler.leaf import Leaf, leaf_of
from undertow.features.compiler.range_join import SNAPSHOT, RangeScan, range_scan
from undertow.features.compiler.slot_plan import slot_scan, steps_of, timelines
from undertow.features.compiler.slot_rows import SlotScan
from undertow.features.engines.database import Database

Scan = RangeScan | SlotScan
SEGMENT = rows_of("accounts").latest("segment")
PEERS = "segment of peers"


@dataclass(frozen=True)
class QueryStep:
    """A named query of a plan; `is_joined`: the last query joins its result, which is small."""

    name: str
    query: exp.Select
    is_joined: bool


@dataclass(frozen=True)
class Plan:
    """Queries that yield (account_id, as_of, one column per feature column), one row per snapshot, unordered.

    `steps`: in the order of their dependencies; `last` joins them. `tables`: small tables that they read
    besides the input tables and the snapshots, by name. `reach`: table -> how many days before the earliest
    as_of its rows are read; None: all history.
    """

    steps: tuple[QueryStep, ...]
    last: exp.Select
    tables: dict[str, pa.Table]
    reach: dict[str, int | None]

    def sql(self, dialect: str = "duckdb", pretty: bool = False) -> str:
        """Return the plan as one query in a dialect: "duckdb" or "spark"."""
        query = self.last.copy()
        for step in self.steps:
            query = query.with_(step.name, as_=step.query.copy(), copy=False)
        return print_sql(query, dialect, pretty)

    def prepare(self, database: Database) -> str:
        """Register the plan's small tables in the database and return the query to run.

        Where a large query takes longer to plan than to run (`takes_small_queries`), its steps are created first,
        as views and temporary tables.
        """
        for name, table in self.tables.items():
            database.register(name, table)
        if not database.takes_small_queries:
            return self.sql(database.dialect)
        for step in self.steps:
            create = database.create_table if step.is_joined else database.create_view
            create(step.name, print_sql(step.query, database.dialect), "features")
        return print_sql(self.last, database.dialect)


def plan_features(
    columns: Iterable[Column], as_ofs: Sequence[datetime] | None = None, snapshots: str = "snapshots"
) -> Plan:
    """Return the query plan for these feature columns.

    `snapshots`: name of a table (account_id, as_of). `as_ofs`: every as_of in it, midnights that all accounts
    share; the slot plan is used. Without `as_ofs` each snapshot may have any as_of of its own, and every leaf is
    range-joined. References to named cards must have been resolved.
    """
    wanted = list(columns)
    leaves = _Leaves(as_ofs is not None, snapshots)
    values = [exp.alias_(_column(column, leaves), column.name, quoted=True) for column in wanted]
    compared = [column for column in wanted if column.against == "peers"]
    if compared:
        values.append(exp.alias_(leaves.value(leaf_of(SEGMENT, None, 0)), PEERS, quoted=True))
    query = exp.select(*[col(key, "s") for key in SNAPSHOT], *values).from_(relation(snapshots, "s"))
    slot_scans = {scan: names for scan, names in leaves.scans.items() if isinstance(scan, SlotScan)}
    by_name = timelines(slot_scans, as_ofs or ())
    steps: list[QueryStep] = []
    for scan, names in leaves.scans.items():
        queries = steps_of(scan, names, by_name[scan.timeline]) if isinstance(scan, SlotScan) else scan.steps(names)
        steps += [QueryStep(name, step, name == scan.name) for name, step in queries]
        query = query.join(exp.to_table(scan.name), on=equal(SNAPSHOT, scan.name, "s"), join_type="left", copy=False)
    if compared:
        steps.append(QueryStep("alone", query, False))
        query = _against_peers(wanted)
    tables = {name: table for timeline in by_name.values() for name, table in timeline.tables().items()}
    return Plan(tuple(steps), query, tables, _reach(leaves))


def _reach(leaves: _Leaves) -> dict[str, int | None]:
    reach: dict[str, int | None] = {}
    for scan in leaves.scans:
        days = scan.reach if isinstance(scan, SlotScan) else scan.lookback
        so_far = reach.get(scan.table, 0)
        reach[scan.table] = None if days is None or so_far is None else max(so_far, days)
    return reach


# --- leaves by the scan that computes them ---------------------------------------------------


@dataclass
class _Leaves:
    """The distinct leaves and the names of their columns, grouped by the scan that computes them."""

    has_slots: bool
    snapshots: str
    scans: dict[Scan, dict[Leaf, str]] = field(default_factory=dict)

    def value(self, leaf: Leaf) -> exp.Expr:
        """Return a reference to the leaf's column, adding the leaf if it is new."""
        scan: Scan = (slot_scan(leaf) if self.has_slots else None) or range_scan(leaf, self.snapshots)
        names = self.scans.setdefault(scan, {})
        reference = col(names.setdefault(leaf, f"m{len(names)}"), scan.name)
        return exp.Coalesce(this=reference, expressions=[number(0)]) if leaf.is_zero_when_nothing else reference


# --- a feature column computed from its leaves -----------------------------------------------


def _column(column: Column, leaves: _Leaves) -> exp.Expr:
    measure = column.feature.measure
    days = column.window or column.feature.lookback
    current = _value(measure, days, 0, leaves)
    match column.against:
        case "earlier":
            assert column.before is not None
            return _difference(current, _value(measure, days, column.before, leaves))
        case "own":
            assert column.window is not None
            before = _value(measure, OWN_DAYS - column.window, column.window, leaves)
            return _difference(current, _scaled(column, before))
    return current if column.feature.unit == "text" else double(current)


def _difference(current: exp.Expr, before: exp.Expr) -> exp.Expr:
    return double(exp.Sub(this=exp.paren(current), expression=exp.paren(before)))


def _scaled(column: Column, before: exp.Expr) -> exp.Expr:
    """Return the value of the days before, scaled to the length of the window if it is a count or sum."""
    assert column.window is not None
    if not is_amount(column.feature.measure):
        return before
    share = column.window / (OWN_DAYS - column.window)
    return exp.Mul(this=double(before), expression=double(number(share)))


def _value(expression: Expression, days: int | None, shift: int, leaves: _Leaves) -> exp.Expr:
    match expression:
        case Measure():
            return leaves.value(leaf_of(expression, days, shift))
        case Ratio(upper, lower):
            return over(exp.paren(_value(upper, days, shift, leaves)), exp.paren(_value(lower, days, shift, leaves)))
        case Combination(terms, constant, lowest):
            return _combined([(w, _value(term, days, shift, leaves)) for w, term in terms], constant, lowest)
        case Named(name):
            raise AssertionError(f"the reference to the card {name} was not resolved")


def _combined(terms: list[tuple[float, exp.Expr]], constant: float, lowest: float | None) -> exp.Expr:
    total: exp.Expr = double(number(constant))
    for weight, term in terms:
        weighted = exp.Mul(this=double(number(weight)), expression=exp.paren(double(term)))
        total = exp.Add(this=total, expression=weighted)
    if lowest is None:
        return total
    below = exp.LT(this=exp.paren(total), expression=number(lowest))
    return exp.Case().when(below, double(number(lowest))).else_(total.copy())


# --- peers -----------------------------------------------------------------------------------


def _against_peers(columns: list[Column]) -> exp.Select:
    """Subtract the peer median: that of the accounts of the same segment at risk at the same as_of."""
    peers = [col("as_of"), exp.Coalesce(this=col(PEERS), expressions=[exp.convert("")])]
    values = []
    for column in columns:
        value: exp.Expr = col(column.name)
        if column.against == "peers":
            median = exp.Window(this=hook("QUANTILE_LINEAR", col(column.name), number(0.5)), partition_by=peers)
            value = exp.alias_(exp.Sub(this=value, expression=median.copy()), column.name, quoted=True)
        values.append(value)
    return exp.select(*[col(key) for key in SNAPSHOT], *values).from_("alone")
