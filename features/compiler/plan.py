"""From definitions to one query.

Every column is made of leaves: measures over one stretch of time. A leaf is taken from the scan that can
yield it: a slot scan (undertow.features.compiler.slot_plan) where all accounts share the as_ofs and the rows do not change, else
the range join (undertow.features.compiler.range_join). Both see a row only if it had happened and was recorded before as_of.
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
    """A named query of a plan; `is_joined`: its answer goes into the last one, and is small."""

    name: str
    query: exp.Select
    is_joined: bool


@dataclass(frozen=True)
class Plan:
    """Queries that yield (account_id, as_of, one column a feature column), one row a snapshot, in no order.

    `steps`: in the order in which they need each other; `last` joins them. `tables`: small tables they read
    beside the canonical ones and the snapshots, by name. `reach`: table -> how many days before the earliest
    as_of it reads at most; None: all history.
    """

    steps: tuple[QueryStep, ...]
    last: exp.Select
    tables: dict[str, pa.Table]
    reach: dict[str, int | None]

    def sql(self, dialect: str = "duckdb", pretty: bool = False) -> str:
        """Return all of it as one query of a dialect: "duckdb" or "spark"."""
        query = self.last.copy()
        for step in self.steps:
            query = query.with_(step.name, as_=step.query.copy(), copy=False)
        return print_sql(query, dialect, pretty)

    def prepare(self, database: Database) -> str:
        """Hand the small tables over and return the query to ask.

        Where one query of so many parts takes longer to think about than to run, its parts are run one by one.
        """
        for name, table in self.tables.items():
            database.register(name, table)
        if not database.takes_small_queries:
            return self.sql(database.dialect)
        for step in self.steps:
            ask = database.create_table if step.is_joined else database.create_view
            ask(step.name, print_sql(step.query, database.dialect), "features")
        return print_sql(self.last, database.dialect)


def plan_features(
    columns: Iterable[Column], as_ofs: Sequence[datetime] | None = None, snapshots: str = "snapshots"
) -> Plan:
    """Return the plan for these columns.

    `as_ofs`: midnights that all accounts share, every one that occurs in `snapshots`, a table of
    (account_id, as_of); the slot plan is used. Without it each snapshot may have any as_of of its own, and
    all is range-joined. Cards named by others must have been resolved.
    """
    wanted = list(columns)
    leaves = _Leaves(as_ofs is not None, snapshots)
    values = [exp.alias_(_column(column, leaves), column.name, quoted=True) for column in wanted]
    compared = [column for column in wanted if column.against == "peers"]
    if compared:
        values.append(exp.alias_(leaves.value(leaf_of(SEGMENT, None, 0)), PEERS, quoted=True))
    query = exp.select(*[col(key, "s") for key in SNAPSHOT], *values).from_(relation(snapshots, "s"))
    slot_scans = {scan: found for scan, found in leaves.scans.items() if isinstance(scan, SlotScan)}
    lines = timelines(slot_scans, as_ofs or ())
    steps: list[QueryStep] = []
    for scan, found in leaves.scans.items():
        named = steps_of(scan, found, lines[scan.timeline]) if isinstance(scan, SlotScan) else scan.steps(found)
        steps += [QueryStep(name, step, name == scan.name) for name, step in named]
        query = query.join(exp.to_table(scan.name), on=equal(SNAPSHOT, scan.name, "s"), join_type="left", copy=False)
    if compared:
        steps.append(QueryStep("alone", query, False))
        query = _against_peers(wanted)
    tables = {name: table for line in lines.values() for name, table in line.tables().items()}
    return Plan(tuple(steps), query, tables, _reach(leaves))


def _reach(leaves: _Leaves) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for scan in leaves.scans:
        days = scan.reach if isinstance(scan, SlotScan) else scan.lookback
        before = found.get(scan.table, 0)
        found[scan.table] = None if days is None or before is None else max(before, days)
    return found


# --- which scan yields which leaf ------------------------------------------------------------


@dataclass
class _Leaves:
    """Every distinct leaf and the column it is computed as, grouped by the scan that yields it."""

    has_slots: bool
    snapshots: str
    scans: dict[Scan, dict[Leaf, str]] = field(default_factory=dict)

    def value(self, leaf: Leaf) -> exp.Expr:
        """Return a reference to the leaf's column, adding the leaf if it is new."""
        scan: Scan = (slot_scan(leaf) if self.has_slots else None) or range_scan(leaf, self.snapshots)
        found = self.scans.setdefault(scan, {})
        reference = col(found.setdefault(leaf, f"m{len(found)}"), scan.name)
        return exp.Coalesce(this=reference, expressions=[number(0)]) if leaf.is_zero_when_nothing else reference


# --- a feature column over its leaves --------------------------------------------------------


def _column(column: Column, leaves: _Leaves) -> exp.Expr:
    measure = column.feature.measure
    days = column.window or column.feature.lookback
    now = _value(measure, days, 0, leaves)
    match column.against:
        case "earlier":
            assert column.before is not None
            return _difference(now, _value(measure, days, column.before, leaves))
        case "own":
            assert column.window is not None
            before = _value(measure, OWN_DAYS - column.window, column.window, leaves)
            return _difference(now, _scaled(column, before))
    return now if column.feature.unit == "text" else double(now)


def _difference(now: exp.Expr, before: exp.Expr) -> exp.Expr:
    return double(exp.Sub(this=exp.paren(now), expression=exp.paren(before)))


def _scaled(column: Column, before: exp.Expr) -> exp.Expr:
    """Return what the days before would have brought in as many days as the last ones."""
    assert column.window is not None
    if not is_amount(column.feature.measure):
        return before
    share = column.window / (OWN_DAYS - column.window)
    return exp.Mul(this=double(before), expression=double(number(share)))


def _value(expression: Expression, days: int | None, shift: int, leaves: _Leaves) -> exp.Expr:
    match expression:
        case Measure():
            return leaves.value(leaf_of(expression, days, shift))
        case Ratio(above, below):
            return over(exp.paren(_value(above, days, shift, leaves)), exp.paren(_value(below, days, shift, leaves)))
        case Combination(terms, constant, lowest):
            return _combined([(w, _value(term, days, shift, leaves)) for w, term in terms], constant, lowest)
        case Named(name):
            raise AssertionError(f"the card named {name} was not resolved")


def _combined(terms: list[tuple[float, exp.Expr]], constant: float, lowest: float | None) -> exp.Expr:
    total: exp.Expr = double(number(constant))
    for weight, term in terms:
        weighed = exp.Mul(this=double(number(weight)), expression=exp.paren(double(term)))
        total = exp.Add(this=total, expression=weighed)
    if lowest is None:
        return total
    below = exp.LT(this=exp.paren(total), expression=number(lowest))
    return exp.Case().when(below, double(number(lowest))).else_(total.copy())


# --- peers -----------------------------------------------------------------------------------


def _against_peers(columns: list[Column]) -> exp.Select:
    """Subtract the median of the accounts of one segment that were at risk at the same as_of."""
    peers = [col("as_of"), exp.Coalesce(this=col(PEERS), expressions=[exp.convert("")])]
    values = []
    for column in columns:
        value: exp.Expr = col(column.name)
        if column.against == "peers":
            median = exp.Window(this=hook("QUANTILE_LINEAR", col(column.name), number(0.5)), partition_by=peers)
            value = exp.alias_(exp.Sub(this=value, expression=median.copy()), column.name, quoted=True)
        values.append(value)
    return exp.select(*[col(key) for key in SNAPSHOT], *values).from_("alone")
