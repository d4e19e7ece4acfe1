"""Compiles feature definitions to SQL that yields one row per snapshot and one column per feature column.

Every column is computed from leaves: measures over one time window. A leaf is computed by a slot scan (`slot_plan`)
where all accounts share the as_ofs and rows do not change once they are known, else by the range join (`range_join`).
Both follow the point-in-time rule: a row counts only if it had happened and was recorded before as_of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import log

from sqlglot import exp

from undertow.features.catalogue.cards import OWN_DAYS, Column
from undertow.features.catalogue.language import (
    FADING_DAYS,
    Combination,
    Deviation,
    Exposure,
    Expression,
    Measure,
    Named,
    Ratio,
    Shrunk,
    is_amount,
    measures,
    rows_of,
)
from undertow.features.compiler.compiled import ALONE, CompiledFeatures, Plan, QueryStep
from undertow.features.compiler.dialects import (
    NEARLY_NOTHING,
    NamedQuery,
    double,
    equal,
    hook,
    log_ratio,
    number,
    over,
    power,
    print_sql,
    relation,
)
from undertow.features.compiler.dialects import column as col
from undertow.features.compiler.exposure import ExposureScan, exposure_scan
from undertow.features.compiler.leaf import Leaf, leaf_of
from undertow.features.compiler.range_join import SNAPSHOT, RangeScan, range_scan
from undertow.features.compiler.slot_plan import slot_scan, steps_of, timelines
from undertow.features.compiler.slot_rows import SlotScan
from undertow.features.compiler.timeline import Timeline
from undertow.features.tables import ACCOUNT_KEY

Scan = RangeScan | SlotScan
SEGMENT = rows_of("accounts").latest("segment")
TENURE = rows_of("accounts").days_since_first().ever()
PEERS = "segment of peers"


def compile_features(
    columns: Iterable[Column],
    as_of_count: int | None = None,
    dialect: str = "duckdb",
    snapshots: str = "snapshots",
    pretty: bool = False,
) -> CompiledFeatures:
    """Compile these feature columns to SQL in a dialect: "duckdb" or "spark".

    `snapshots`: name of a table (account_id, as_of). `as_of_count`: the number of as_ofs in it, midnights that all
    accounts share; the slot plan is used. Without it each snapshot may have any as_of of its own, and every leaf is
    range-joined. References to named cards must have been resolved. `pretty`: whether the SQL has line breaks.
    """
    wanted = list(columns)
    leaves = _Leaves(as_of_count is not None, snapshots)
    values = [exp.alias_(_column(column, leaves), column.name, quoted=True) for column in wanted]
    compared = [column for column in wanted if column.against == "peers"]
    if compared:
        values.append(exp.alias_(leaves.value(leaf_of(SEGMENT, None, 0)), PEERS, quoted=True))
    query = exp.select(*[col(key, "s") for key in SNAPSHOT], *values).from_(leaves.keyed_snapshots())
    by_name = timelines(leaves.slot_scans, as_of_count or 0)
    steps: list[QueryStep] = []
    for queries, joined, own in leaves.queries(by_name):
        for name, step in queries:
            steps.append(QueryStep(name, print_sql(step, dialect, pretty), name in joined, name not in own))
        for name, keys in joined.items():
            query = query.join(exp.to_table(name), on=equal(keys, name, "s"), join_type="left", copy=False)
    if compared:
        steps.append(QueryStep(ALONE, print_sql(query, dialect, pretty), False))
        query = _against_peers(wanted)
    last = print_sql(query, dialect, pretty)
    return CompiledFeatures(dialect, tuple(steps), last, _reach(leaves), tuple(by_name.values()))


def plan_features(columns: Iterable[Column], as_ofs: Sequence[datetime] | None = None, dialect: str = "duckdb") -> Plan:
    """Compile these feature columns and return the query plan for these as_ofs, as `compile_features` does."""
    as_of_count = None if as_ofs is None else len(set(as_ofs))
    return compile_features(columns, as_of_count, dialect).plan(as_ofs or ())


def _reach(leaves: _Leaves) -> dict[str, int | None]:
    reach: dict[str, int | None] = {}
    for scan in leaves.scans:
        days = scan.reach if isinstance(scan, SlotScan) else scan.lookback
        so_far = reach.get(scan.table, 0)
        reach[scan.table] = None if days is None or so_far is None else max(so_far, days)
    for exposures in leaves.exposures:
        so_far = reach.get(exposures.table, 0)
        reach[exposures.table] = None if so_far is None else max(so_far, FADING_DAYS)
    return reach


# --- leaves by the scan that computes them ---------------------------------------------------


@dataclass
class _Leaves:
    """The distinct leaves and exposures, and the names of their columns, grouped by the scan that computes them."""

    has_slots: bool
    snapshots: str
    scans: dict[Scan, dict[Leaf, str]] = field(default_factory=dict)
    exposures: dict[ExposureScan, dict[Exposure, str]] = field(default_factory=dict)

    def value(self, leaf: Leaf) -> exp.Expr:
        """Return a reference to the leaf's column, adding the leaf if it is new."""
        scan: Scan = (slot_scan(leaf) if self.has_slots else None) or range_scan(leaf, self.snapshots)
        names = self.scans.setdefault(scan, {})
        reference = col(names.setdefault(leaf, f"m{len(names)}"), scan.name)
        return exp.Coalesce(this=reference, expressions=[number(0)]) if leaf.is_zero_when_nothing else reference

    def exposure(self, exposure: Exposure) -> exp.Expr:
        """Return the value of an exposure, adding it if it is new."""
        scan = exposure_scan(exposure, self.snapshots)
        names = self.exposures.setdefault(scan, {})
        return scan.value(exposure, names.setdefault(exposure, f"e{len(names)}"))

    def keyed_snapshots(self) -> exp.Expr:
        """Return the snapshots (s), with the key of the account where a scan needs it."""
        if not any(ACCOUNT_KEY in scan.keys for scan in self.scans if isinstance(scan, SlotScan)):
            return relation(self.snapshots, "s")
        key = exp.alias_(hook("ACCOUNT_KEY", col("account_id")), ACCOUNT_KEY, quoted=True)
        return exp.select(*[col(name) for name in SNAPSHOT], key).from_(self.snapshots).subquery("s")

    @property
    def slot_scans(self) -> dict[SlotScan, dict[Leaf, str]]:
        """Return the slot scans and their leaves, those behind exposures included."""
        scans = {scan: names for scan, names in self.scans.items() if isinstance(scan, SlotScan)}
        for each, exposures in self.exposures.items():
            if self._by_slots(each, exposures):
                over_all_days = {leaf_of(exposure.use, None, 0): "" for exposure in exposures}
                scans[each.slot_scan] = scans.get(each.slot_scan, {}) | over_all_days
        return scans

    def queries(
        self, timelines: dict[str, Timeline]
    ) -> Iterator[tuple[list[NamedQuery], dict[str, tuple[str, ...]], set[str]]]:
        """Yield, per scan, its named queries; those that are joined, with the columns to join on; those per account."""
        for scan, names in self.scans.items():
            found = steps_of(scan, names, timelines[scan.timeline]) if isinstance(scan, SlotScan) else scan.steps(names)
            yield found, {scan.name: scan.keys}, {name for name, _ in found} if len(scan.keys) == 2 else set()
        for each, exposures in self.exposures.items():
            joined = {each.name: SNAPSHOT, each.of_all: ("as_of",)}
            by_slots = self._by_slots(each, exposures)
            timeline = timelines[each.slot_scan.timeline] if by_slots else None
            yield each.slot_steps(exposures, timeline) if timeline else each.range_steps(exposures), joined, each.own

    def _by_slots(self, scan: ExposureScan, exposures: dict[Exposure, str]) -> bool:
        return self.has_slots and scan.is_settled(exposures)


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
        case Measure(statistic="days observed"):
            return _days_observed(expression, leaves)
        case Measure():
            return leaves.value(leaf_of(expression, days, shift))
        case Ratio(upper, lower):
            above = NEARLY_NOTHING if any(measure.half_life for measure in measures(lower)) else 0
            upper_, lower_ = (exp.paren(_value(each, days, shift, leaves)) for each in (upper, lower))
            return over(upper_, lower_, above=above)
        case Combination(terms, constant, lowest, null_is_zero):
            values = [(w, _value(term, days, shift, leaves)) for w, term in terms]
            if null_is_zero:
                values = [(w, exp.Coalesce(this=value, expressions=[number(0.0)])) for w, value in values]
            return _combined(values, constant, lowest)
        case Shrunk(upper, lower, toward, strength):
            over_, under, usual = (_value(each, days, shift, leaves) for each in (upper, lower, toward))
            return _shrunk(over_, under, usual, number(float(strength)))
        case Deviation(recent, usual, prior):
            parts = (recent, usual, recent.days_observed, usual.days_observed)
            return _deviation([_value(each, days, shift, leaves) for each in parts], prior)
        case Exposure():
            return leaves.exposure(expression)
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


def _days_observed(measure: Measure, leaves: _Leaves) -> exp.Expr:
    """Return the weighed days since the account was created or the table's first row: the integral of 2^(-t / h)."""
    assert measure.half_life is not None
    first_row = replace(measure.rows.days_since_first(), of_all=True)
    record = exp.Coalesce(this=leaves.value(leaf_of(first_row, FADING_DAYS, 0)), expressions=[number(0.0)])
    days = exp.Least(this=leaves.value(leaf_of(TENURE, None, 0)), expressions=[record])
    weight = power(exp.Div(this=exp.Neg(this=days), expression=number(float(measure.half_life))))
    whole = number(measure.half_life / log(2.0))
    return exp.Mul(this=whole, expression=exp.paren(exp.Sub(this=number(1.0), expression=weight)))


def _shrunk(upper: exp.Expr, lower: exp.Expr, toward: exp.Expr, strength: exp.Expr) -> exp.Expr:
    pulled = exp.Add(this=exp.paren(upper), expression=exp.Mul(this=strength, expression=exp.paren(toward)))
    return over(exp.paren(pulled), exp.paren(exp.Add(this=exp.paren(lower), expression=strength.copy())))


def _deviation(parts: list[exp.Expr], prior: float) -> exp.Expr:
    recent, usual, recent_days, usual_days = parts
    expected = exp.Mul(this=exp.paren(usual), expression=over(exp.paren(recent_days), exp.paren(usual_days)))
    both = [exp.Add(this=exp.paren(each), expression=number(float(prior))) for each in (recent, expected)]
    return log_ratio(*both)


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
    return exp.select(*[col(key) for key in SNAPSHOT], *values).from_(ALONE)
