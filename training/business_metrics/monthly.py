"""Business metrics per calendar month, with n, confidence intervals and suppression of thin data.

Everything recorded before `tables.until` is read, and a row counts in the month in which it
happened. Cases of one account are alike, so a share's Wilson interval takes them for fewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np

from undertow.features.engines.duckdb import Connection, InDuckDB, open_duckdb, rows
from undertow.features.errors import DataError, TimeError
from undertow.features.settings import Settings, Value
from undertow.features.snapshots.calendar import month_starts
from undertow.features.snapshots.population import open_tables
from undertow.features.sources.loaded import Tables
from undertow.training.business_metrics.metrics import FEW_ACCOUNTS, WIDE, FlatValue, Metric, Rate, Total, choose
from undertow.training.business_metrics.sql import (
    GROUP,
    VISIT,
    By,
    Measurement,
    Measurements,
    Month,
    make_relations,
    measure,
)
from undertow.training.evaluation.intervals import wilson
from undertow.training.value.subscription import discount_factors

Status = Literal["shown", "wide", "not enough data", "not yet settled"]
Z = 1.96  # standard errors on either side of a 95 % interval
NOTHING = Measurement(math.nan, math.nan, 0, 0)
NO_ROW = "no row of these months holds what it measures"
UNRECORDED = "what it counts does not occur in these months: probably it is not recorded"


@dataclass(frozen=True)
class Number:
    """One metric in one month, of one group ("" without `by`).

    `value`, `low`, `high`: in the card's unit, a share from 0 to 1; `value` is None where it is
    suppressed, the others also where a number has no interval. `n`: its cases. `accounts`: how many
    accounts these come from.
    """

    metric: str
    month: datetime
    group: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    accounts: int
    status: Status

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values, rounded to six decimals."""
        numbers = {name: _rounded(getattr(self, name)) for name in ("value", "low", "high")}
        return asdict(self) | numbers | {"month": f"{self.month:%Y-%m}"}


@dataclass(frozen=True)
class BusinessMetrics:
    """Business metrics of these months (oldest first), metric by metric, group by group.

    `lines`: (metric, group) -> its numbers, one per month. `left_out`: metric -> why it is missing.
    `notes`: caveats printed below the numbers.
    """

    cards: tuple[Metric, ...]
    months: tuple[Month, ...]
    by: By | None
    groups: tuple[str, ...]
    currency: str
    lines: dict[tuple[str, str], tuple[Number, ...]]
    left_out: dict[str, str]
    notes: tuple[str, ...]

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Return every number: metric by metric, group by group, oldest month first."""
        return tuple(number for line in self.lines.values() for number in line)

    def line(self, metric: str, group: str = "") -> tuple[Number, ...]:
        """Return a metric's numbers in one group, one per month, oldest first."""
        return self.lines[metric, group]

    def as_json(self) -> dict[str, object]:
        """Return cards and numbers as plain JSON values."""
        fields = ("name", "sentence", "family", "unit", "table", "formula", "source", "minimum", "settles")
        return {
            "months": [f"{month.starts:%Y-%m}" for month in self.months],
            "by": self.by,
            "currency": self.currency,
            "metrics": [{name: getattr(card, name) for name in fields} for card in self.cards],
            "numbers": [number.as_json() for number in self.numbers],
            "left_out": self.left_out,
            "notes": self.notes,
        }


def business_numbers(
    settings: Settings, tables: Tables, names: Sequence[str] = (), by: By | None = None, months: int = 12
) -> BusinessMetrics:
    """Return business metrics of the newest `months` whole months, all metrics or those named.

    Raises RequestError for an unknown name, TimeError where no whole month was recorded, DataError
    where none of the metrics asked for can be computed from these tables.
    """
    asked = choose(names)
    spans = whole_months(tables.since, tables.until)[-months:]
    left_out = _left_out(asked, tables.present, by)
    cards = [card for card in asked if card.name not in left_out]
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        open_tables(InDuckDB(connection), tables, {"events": spans[0].starts - VISIT})
        make_relations(connection, settings.churn, tables, spans, by, cards)
        measurements = measure(connection, cards)
        groups = _groups(connection, measurements, by, tables)
    left_out |= {card.name: why for card in cards if (why := _unmeasured(card, measurements))}
    cards = [card for card in cards if card.name not in left_out]
    if not cards:
        reasons = "; ".join(f"{name} ({why})" for name, why in left_out.items())
        raise DataError(f"None of these metrics can be computed: {reasons}.")
    suppression = _Suppression(settings, tables.until, measurements)
    lines = {
        (card.name, group): tuple(suppression.number(card, span, group) for span in spans)
        for card in cards
        for group in groups
    }
    notes = (*tables.warnings, *_notes(cards, lines.values(), by))
    currency = tables.currency
    left_out = dict(sorted(left_out.items()))
    return BusinessMetrics(tuple(cards), tuple(spans), by, groups, currency, lines, left_out, notes)


def whole_months(since: datetime, until: datetime) -> list[Month]:
    """Return the whole calendar months inside `[since, until)`. Raises TimeError for none."""
    starts = month_starts(since, until)
    months = [Month(first, after) for first, after in pairwise(starts)]
    if not months:
        raise TimeError(
            f"The record runs from {since:%Y-%m-%d} to {until:%Y-%m-%d} and holds no whole month. Add rows, or "
            "set [data] since and until."
        )
    return months


# --- which metrics can be computed ------------------------------------------------------------


def _left_out(cards: Iterable[Metric], present: Sequence[str], by: By | None) -> dict[str, str]:
    left_out = {}
    for card in cards:
        missing = [table for table in (card.table, *card.also) if table not in present]
        if missing:
            left_out[card.name] = f"it needs the {missing[0]} table; give it a source under [tables]"
        elif by == "platform" and not card.on_platforms:
            left_out[card.name] = "it is measured on accounts and not on platforms"
    return left_out


def _unmeasured(card: Metric, measurements: Measurements) -> str:
    """Return why a metric has no number in any month, or an empty text."""
    if isinstance(card.measure, FlatValue | Total):
        return ""
    met = [measured.value for (name, _, _), measured in measurements.items() if name == card.name and measured.n]
    if not met:
        return NO_ROW
    return UNRECORDED if all(value == card.unrecorded for value in met) else ""


def _groups(connection: Connection, measurements: Measurements, by: By | None, tables: Tables) -> tuple[str, ...]:
    """Return every segment, or every platform that occurs; "" alone without `by`."""
    if by is None:
        return ("",)
    measured = {group for _, _, group in measurements}  # users without an account have no segment
    if by == "platform":
        return tuple(sorted(measured))
    sql = f"SELECT DISTINCT {GROUP['segment']} AS grp FROM accounts AS a"
    return tuple(sorted(measured | {str(row["grp"]) for row in rows(connection, sql, "segments")}))


def _notes(cards: Sequence[Metric], lines: Iterable[Sequence[Number]], by: By | None) -> Iterable[str]:
    yield "Only what was recorded by the end of the record is counted: the newest month still grows from late rows."
    if any(number.status == "wide" for line in lines for number in line):
        yield f"~ marks fewer than {WIDE} cases, or cases of fewer than {FEW_ACCOUNTS} accounts: take it as rough."
    if by == "segment":
        yield "An account counts in the segment that it has today, also in months before it was moved there."
    yield from dict.fromkeys(card.note for card in cards if card.note)


# --- from what was measured to what is shown --------------------------------------------------


@dataclass(frozen=True)
class _Suppression:
    """Suppresses numbers with too few cases or too recent months, and adds confidence intervals to the rest."""

    settings: Settings
    until: datetime
    measurements: Measurements

    def number(self, card: Metric, month: Month, group: str) -> Number:
        measured, *between = self._estimate(card, month, group)
        status = self._status(card, month, measured)
        shown = status in ("shown", "wide")
        value, low, high = (x if shown and math.isfinite(x) else None for x in (measured.value, *between))
        return Number(card.name, month.starts, group, value, low, high, measured.n, measured.accounts, status)

    def _estimate(self, card: Metric, month: Month, group: str) -> tuple[Measurement, float, float]:
        if isinstance(card.measure, FlatValue):
            return self._flat_value(card.measure, month, group)
        nothing = Measurement(0.0, math.nan, 0, 0) if isinstance(card.measure, Total) else NOTHING
        measured = self.measurements.get((card.name, month.starts, group), nothing)
        if not isinstance(card.measure, Rate):
            return measured, math.nan, math.nan
        low, high = interval(card.measure.interval, measured)
        times = card.measure.times
        return Measurement(times * measured.value, math.nan, measured.n, measured.accounts), times * low, times * high

    def _flat_value(self, made_of: FlatValue, month: Month, group: str) -> tuple[Measurement, float, float]:
        churn = self.measurements.get((made_of.churn, month.starts, group), NOTHING)
        arpa = self.measurements.get((made_of.arpa, month.starts, group), NOTHING).value
        low, high = interval("wilson", churn)
        value, most, least = (flat_value(rate, arpa, self.settings.value) for rate in (churn.value, low, high))
        return Measurement(value, math.nan, churn.n, churn.accounts), least, most

    def _status(self, card: Metric, month: Month, measured: Measurement) -> Status:
        wait = self.settings.churn.grace_days if card.settles == "grace_days" else card.settles
        if month.ends + timedelta(days=wait) > self.until:
            return "not yet settled"
        if measured.n < card.minimum or not math.isfinite(measured.value):
            return "not enough data"
        is_rough = measured.n < WIDE or measured.accounts < FEW_ACCOUNTS
        return "wide" if card.minimum and is_rough else "shown"


def interval(kind: str, measured: Measurement) -> tuple[float, float]:
    """Return the 95 % confidence interval; (nan, nan) where the metric has none.

    "wilson" is for a share. Its n is the number of independent cases that would have the standard
    error found between accounts, and never more than the cases (Korn and Graubard 1998, with Wilson
    1927 in place of Clopper and Pearson). "normal" is the value and 1.96 standard errors either side.
    """
    value, error = round(measured.value, 12), measured.error
    if kind == "normal":
        return max(value - Z * error, -1.0), min(value + Z * error, 1.0)
    if kind != "wilson" or not 0 <= value <= 1:
        return math.nan, math.nan
    spread = value * (1 - value)
    n = max(min(spread / error**2, measured.n), 1.0) if spread else measured.n
    low, high = wilson(np.array([value]), np.array([n]), Z)
    return max(float(low[0]), 0.0), min(float(high[0]), 1.0)


def flat_value(churn: float, arpa: float, settings: Value) -> float:
    """Return the margin expected over `settings.months` if `churn` of the accounts left each month.

    sum over t = 1/2, 3/2 .. months - 1/2 of (1 - churn)^t x arpa x margin x (1 + d)^(-t/12), d per year.
    """
    stays = (1.0 - churn) ** (np.arange(settings.months) + 0.5)
    return float(arpa * settings.margin * (stays * discount_factors(settings, settings.months)).sum())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
