"""What all accounts met where an account is active: the rate per platform, page or task, weighed by its own use.

    rows -> (value, as_of):   the rate that all accounts met there, and their use of it
         -> (as_of):          its mean, weighed by that use, toward which the account's own mean is pulled
    rows -> (account, as_of): the sum of the account's own use times the rate, and of its use

The range join sums an account's use per value first; the slot plan weighs each slot's use by the rate at each as_of,
which needs no row per account, value and as_of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlglot import exp

from undertow.features.catalogue.language import FADING_DAYS, Exposure, Measure, columns_read
from undertow.features.compiler.dialects import (
    NEARLY_NOTHING,
    NamedQuery,
    column,
    equal,
    exact_sum,
    number,
    over,
    relation,
    where_known,
)
from undertow.features.compiler.leaf import Leaf, leaf_of
from undertow.features.compiler.range_join import SNAPSHOT, aggregate, grouped, known_rows_of_all, round_up
from undertow.features.compiler.slot_plan import is_settled
from undertow.features.compiler.slot_rows import (
    NamedColumns,
    SlotScan,
    at_moments,
    group_rows,
    key_columns,
    meets_any,
    merge_slots,
    only_rows_of,
    value_inside,
)
from undertow.features.compiler.slot_sums import first_as_of, steps_of_sum
from undertow.features.compiler.timeline import Timeline
from undertow.features.tables import ALL_TABLES


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
    def own(self) -> set[str]:
        """Return the names of the queries whose results are per account."""
        return {self.name, f"{self.name}_own", f"{self.name}_own_part"}

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

    def slot_steps(self, exposures: dict[Exposure, str], timeline: Timeline) -> list[NamedQuery]:
        """Return the named queries by the slot plan."""
        sums, source = _Sums(exposures), f"{self.name}_part"
        part, names = self._part(sums.leaves, (), timeline)
        merged = [
            exp.alias_(exact_sum(value_inside(timeline, leaf, column(names[leaf], "p"))), name, quoted=True)
            for leaf, name in sums.leaves.items()
        ]
        return [
            (source, part),
            (f"{self.name}_sums", merge_slots(timeline, source, ("as_of", *self.by), merged)),
            *self._rates(exposures, sums),
            *self._met_in_slots(exposures, sums, timeline),
        ]

    def range_steps(self, exposures: dict[Exposure, str]) -> list[NamedQuery]:
        """Return the named queries by the range join."""
        sums, source, own = _Sums(exposures), f"{self.name}_rows", f"{self.name}_own"
        names = set(self.by).union(*(columns_read(measure) for measure in _measures(exposures)))
        known = known_rows_of_all(self.table, names, self.snapshots, FADING_DAYS)
        has_values = exp.and_(*self._has_values())
        summed = [exp.alias_(aggregate(leaf), name, quoted=True) for leaf, name in sums.leaves.items()]
        owned = [exp.alias_(aggregate(leaf), name, quoted=True) for leaf, name in sums.uses.items()]
        keys = key_columns(("account_id", "o"), ("as_of", "o"))
        wanted = _met_and_used(exposures, lambda use: column(sums.name(use), "o"))
        met = exp.select(*keys, *wanted).from_(relation(own, "o"))
        rates = relation(f"{self.name}_rates", "v")
        return [
            (source, known),
            (f"{self.name}_sums", grouped(source, ("as_of", *self.by), summed).where(has_values)),
            *self._rates(exposures, sums),
            (own, grouped(source, (*SNAPSHOT, *self.by), owned).where(has_values.copy())),
            (self.name, met.join(rates, on=equal(("as_of", *self.by), "v", "o")).group_by(*keys)),
        ]

    def _part(
        self, leaves: dict[Leaf, str], account: tuple[str, ...], timeline: Timeline
    ) -> tuple[exp.Select, dict[Leaf, str]]:
        """Return the query of the leaves' sums per value and slot, per account too if named; and their columns."""
        partials, names = NamedColumns("p"), {}
        for leaf in leaves:
            [partial] = steps_of_sum(leaf.measure).partials(leaf.measure, only_rows_of(leaf))
            names[leaf] = partials.add(partial)
        keys = key_columns(*[(key, "r") for key in (*account, *self.by)])
        wanted = [*partials.selected, *first_as_of(leaves)]
        part = group_rows(self.slot_scan, timeline, keys, wanted, *self._has_values("r"), *meets_any(leaves))
        return part, names

    def _met_in_slots(self, exposures: dict[Exposure, str], sums: _Sums, timeline: Timeline) -> list[NamedQuery]:
        """Return the queries of each account's use per slot, and of its sums over slots and values at each as_of."""
        source = f"{self.name}_own_part"
        part, names = self._part(sums.uses, ("account_id",), timeline)
        leaf_of_use = {leaf.measure: leaf for leaf in sums.uses}

        def used(use: Measure) -> exp.Expr:
            leaf = leaf_of_use[use]
            return exp.paren(value_inside(timeline, leaf, column(names[leaf], "p")))

        keys = key_columns(("account_id", "p"), ("as_of", "p"))
        met = exp.select(*keys, *_met_and_used(exposures, used)).from_(at_moments(timeline, source).subquery("p"))
        rates = relation(f"{self.name}_rates", "v")
        met = met.join(rates, on=equal(("as_of", *self.by), "v", "p")).group_by(*[key.copy() for key in keys])
        return [(source, part), (self.name, met)]

    def _rates(self, exposures: dict[Exposure, str], sums: _Sums) -> list[NamedQuery]:
        """Return the queries of the rate that all accounts met per value, and of its mean weighed by their use."""
        keys = key_columns(("as_of", "v"), *[(name, "v") for name in self.by])
        rates, means = [], []
        for exposure, name in exposures.items():
            met = exp.Coalesce(this=column(sums.name(exposure.over), "v"), expressions=[number(0.0)])
            rate = over(met, column(sums.name(exposure.under), "v"), above=NEARLY_NOTHING)
            rates.append(exp.alias_(rate, name, quoted=True))
            total = _met_and_used({exposure: name}, lambda use: column(sums.name(use), "v"))
            means.append(exp.alias_(over(*[each.this for each in total], above=NEARLY_NOTHING), name, quoted=True))
        uses = [column(name, "v") for name in sums.uses.values()]
        values = exp.select(*keys, *rates, *uses).from_(relation(f"{self.name}_sums", "v"))
        of_all = exp.select(column("as_of", "v"), *means).from_(relation(f"{self.name}_rates", "v"))
        return [(f"{self.name}_rates", values), (self.of_all, of_all.group_by(column("as_of", "v")))]

    def _has_values(self, of: str | None = None) -> list[exp.Expr]:
        return [exp.Not(this=exp.Is(this=column(name, of), expression=exp.Null())) for name in self.by]


def exposure_scan(exposure: Exposure, snapshots: str) -> ExposureScan:
    """Return the scan that computes an exposure."""
    rows = exposure.use.rows
    return ExposureScan(rows.table, rows.clock, exposure.by, snapshots)


def _met_and_used(exposures: dict[Exposure, str], use: Callable[[Measure], exp.Expr]) -> list[exp.Expr]:
    """Return, per exposure, the sum of use times rate and the sum of use, over the values that have a rate (v)."""
    wanted: list[exp.Expr] = []
    for exposure, name in exposures.items():
        rate, used = column(name, "v"), use(exposure.use)
        met = exact_sum(exp.Mul(this=used, expression=rate))
        total = exact_sum(where_known(rate.copy(), used.copy()))
        wanted += [exp.alias_(met, f"{name}_met", quoted=True), exp.alias_(total, f"{name}_used", quoted=True)]
    return wanted


def _measures(exposures: Iterable[Exposure]) -> tuple[Measure, ...]:
    every = [measure for each in exposures for measure in (each.over, each.under, each.use)]
    return tuple(dict.fromkeys(every))


class _Sums:
    """The fading sums that exposures need per value: of all accounts (`leaves`), and of the account (`uses`)."""

    def __init__(self, exposures: Iterable[Exposure]) -> None:
        chosen = list(exposures)
        self.leaves = {leaf_of(m, None, 0): f"s{number}" for number, m in enumerate(_measures(chosen))}
        self.uses = {leaf: name for leaf, name in self.leaves.items() if leaf.measure in {e.use for e in chosen}}

    def name(self, measure: Measure) -> str:
        """Return the name of the column that holds the sum of a measure."""
        return self.leaves[leaf_of(measure, None, 0)]
