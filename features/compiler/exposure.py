"""What all accounts met where an account is active: the rate per platform, page or task, weighed by its own use.

    rows -> (account, value, as_of): the account's own use of each value
         -> (value, as_of):          the rate that all accounts met there, and their use of it
         -> (account, as_of):        the sum of its use times the rate, and of its use
         -> (as_of):                 the same for all accounts together, toward which the account's mean is pulled

Both query plans end in the same three queries; they differ in how the sums per value and as_of are computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.catalogue.language import FADING_DAYS, Exposure, Measure, columns_read
from undertow.features.compiler.dialects import column, equal, number, over, relation, where_known
from undertow.features.compiler.leaf import Leaf, leaf_of
from undertow.features.compiler.range_join import aggregate, grouped, known_rows_of_all, round_up
from undertow.features.compiler.slot_plan import is_settled
from undertow.features.compiler.slot_rows import (
    SNAPSHOT,
    NamedColumns,
    RowFilter,
    SlotScan,
    group_rows,
    key_columns,
    meets_any,
    merge_slots,
    rows_in_slots,
    value_inside,
)
from undertow.features.compiler.slot_sums import steps_of_sum
from undertow.features.compiler.timeline import Timeline
from undertow.features.tables import ALL_TABLES

Step = tuple[str, exp.Select]


@dataclass(frozen=True)
class ExposureScan:
    """The exposures over the rows of one table, per value of the columns `by`."""

    table: str
    clock: str
    by: tuple[str, ...]
    snapshots: str

    @property
    def name(self) -> str:
        """Return the name of the query that yields (account_id, as_of), with the columns <name>_met, <name>_used."""
        return "_".join((self.table, self.clock, "exposure", *self.by))

    @property
    def of_all(self) -> str:
        """Return the name of the query that yields (as_of), with one column per exposure: that of all accounts."""
        return f"{self.name}_of_all"

    @property
    def slot_scan(self) -> SlotScan:
        """Return the slot scan with whose slots its sums are computed."""
        return SlotScan(self.table, self.clock, round_up(FADING_DAYS), "sums")

    def value(self, exposure: Exposure, name: str) -> exp.Expr:
        """Return an exposure as SQL, from the columns of the two queries."""
        met, used = (
            exp.Coalesce(this=column(f"{name}_{part}", self.name), expressions=[number(0.0)])
            for part in ("met", "used")
        )
        usual, strength = column(name, self.of_all), number(float(exposure.strength))
        pulled = exp.Add(this=met, expression=exp.Mul(this=strength, expression=usual))
        return over(exp.paren(pulled), exp.paren(exp.Add(this=used, expression=strength.copy())))

    def is_settled(self, exposures: Iterable[Exposure]) -> bool:
        """Return whether the slot plan can compute these exposures: no row changes once it is known."""
        return all(is_settled(measure, ALL_TABLES[self.table]) for measure in _measures(exposures))

    def slot_steps(self, exposures: dict[Exposure, str], timeline: Timeline) -> list[Step]:
        """Return the named queries by the slot plan: the sums of all accounts are merged without their account."""
        sums = _Sums(exposures)
        return [
            *self._merged("rates", sums.leaves, (), timeline),
            *self._merged("own", sums.uses, ("account_id",), timeline),
            *self._last_steps(exposures, sums),
        ]

    def _merged(self, name: str, leaves: dict[Leaf, str], account: tuple[str, ...], timeline: Timeline) -> list[Step]:
        """Return the queries of the sums per value and slot, then per value and as_of; per account too, if named."""
        scan, source = self.slot_scan, f"{self.name}_{name}_part"
        partials = NamedColumns("p")
        merged = []
        for leaf, column_name in leaves.items():
            steps = steps_of_sum(leaf.measure)
            parts = [partials.add(partial) for partial in steps.partials(leaf.measure, RowFilter(leaf))]
            inside = steps.merges([value_inside(timeline, leaf, column(part, "p")) for part in parts])
            merged.append(exp.alias_(steps.finish(inside, column("as_of", "m")), column_name, quoted=True))
        values = (*account, *self.by)
        keys = key_columns(("slot", "d"), *[(key, "r") for key in values])
        rows = rows_in_slots(scan, timeline, [*keys, *partials.selected])
        part = group_rows(rows.where(*self._has_values("r"), *meets_any(leaves)), scan, timeline, keys)
        merged_by = key_columns(("as_of", "m"), *[(key, "p") for key in values])
        return [(source, part), (f"{self.name}_{name}", merge_slots(scan, timeline, source, merged_by, merged))]

    def range_steps(self, exposures: dict[Exposure, str]) -> list[Step]:
        """Return the named queries by the range join."""
        sums, source = _Sums(exposures), f"{self.name}_rows"
        names = set(self.by).union(*(columns_read(measure) for measure in _measures(exposures)))
        known = known_rows_of_all(self.table, names, self.snapshots, FADING_DAYS)
        has_values = exp.and_(*self._has_values())
        merged = [exp.alias_(aggregate(leaf), name, quoted=True) for leaf, name in sums.leaves.items()]
        owned = [exp.alias_(aggregate(leaf), name, quoted=True) for leaf, name in sums.uses.items()]
        return [
            (source, known),
            (f"{self.name}_rates", grouped(source, ("as_of", *self.by), merged).where(has_values)),
            (f"{self.name}_own", grouped(source, (*SNAPSHOT, *self.by), owned).where(has_values.copy())),
            *self._last_steps(exposures, sums),
        ]

    def _has_values(self, of: str | None = None) -> list[exp.Expr]:
        return [exp.Not(this=exp.Is(this=column(name, of), expression=exp.Null())) for name in self.by]

    def _last_steps(self, exposures: dict[Exposure, str], sums: _Sums) -> list[Step]:
        """Return the queries that weigh the rates: by the use of all accounts, and by the account's own."""
        usual: list[exp.Expr] = []
        own: list[exp.Expr] = []
        for exposure, name in exposures.items():
            nothing_is_0 = exp.Coalesce(this=sums.column(exposure.over, "v"), expressions=[number(0.0)])
            rate = over(nothing_is_0, sums.column(exposure.under, "v"))
            met, used = _met(rate, sums.column(exposure.use, "v"))
            usual.append(exp.alias_(over(met, used), name, quoted=True))
            for part, total in zip(("met", "used"), _met(rate, sums.column(exposure.use, "o")), strict=True):
                own.append(exp.alias_(total, f"{name}_{part}", quoted=True))
        rates = relation(f"{self.name}_rates", "v")
        of_all = exp.select(column("as_of", "v"), *usual).from_(rates).group_by(column("as_of", "v"))
        keys = key_columns(("account_id", "o"), ("as_of", "o"))
        met_by = exp.select(*keys, *own).from_(relation(f"{self.name}_own", "o"))
        met_by = met_by.join(rates.copy(), on=equal(("as_of", *self.by), "v", "o")).group_by(*keys)
        return [(self.of_all, of_all), (self.name, met_by)]


def exposure_scan(exposure: Exposure, snapshots: str) -> ExposureScan:
    """Return the scan that computes an exposure."""
    rows = exposure.use.rows
    return ExposureScan(rows.table, rows.clock, exposure.by, snapshots)


def _met(rate: exp.Expr, use: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """Return the sum of use times rate, and the sum of use, over the values that have a rate."""
    used = where_known(rate.copy(), use)
    return exp.Sum(this=exp.Mul(this=used, expression=exp.paren(rate.copy()))), exp.Sum(this=used.copy())


def _measures(exposures: Iterable[Exposure]) -> tuple[Measure, ...]:
    every = [measure for each in exposures for measure in (each.over, each.under, each.use)]
    return tuple(dict.fromkeys(every))


class _Sums:
    """The fading sums that exposures need per value: of all accounts (`leaves`), and of the account (`uses`)."""

    def __init__(self, exposures: Iterable[Exposure]) -> None:
        chosen = list(exposures)
        self.leaves = {leaf_of(m, None, 0): f"s{number}" for number, m in enumerate(_measures(chosen))}
        self.uses = {leaf: name for leaf, name in self.leaves.items() if leaf.measure in {e.use for e in chosen}}

    def column(self, measure: Measure, of: str) -> exp.Expr:
        """Return a reference to the sum of a measure."""
        return column(self.leaves[leaf_of(measure, None, 0)], of)
