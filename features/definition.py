"""The small language in which features are written.

    errors     = events.where(kind="error")
    page_views = events.where(kind="page_view")
    Feature("error_rate", "Errors per page view", family="ux", level="interaction", unit="share",
            measure=errors.count() / page_views.count(), windows=(7, 30, 90), trend=30,
            null_means="no page was viewed")

Nothing here computes: a definition says what is meant, `features.plan` turns it into SQL. Every
measure looks at `[as_of - window, as_of)`, sees a row only if it had happened and was recorded
before as_of, and sees a late-known column only from the moment it became known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from features.errors import DefinitionError, did_you_mean
from features.tables import TABLES

Family = Literal["ux", "cx", "billing", "usage", "profile"]
Level = Literal["interaction", "journey", "relationship"]
Unit = Literal["count", "share", "ms", "hours", "days", "money", "money/month", "score", "points", "text", "per visit"]
Operator = Literal["is", "at least", "above", "below", "not yet", "already", "known"]
Statistic = Literal[
    "count", "sum", "mean", "quantile", "distinct", "distinct days", "days since last",
    "days since first", "days until", "hours between", "latest", "largest",
]  # fmt: skip

FAMILIES: tuple[Family, ...] = ("ux", "cx", "billing", "usage", "profile")
LEVELS: tuple[Level, ...] = ("interaction", "journey", "relationship")
ZERO_WHEN_NOTHING = ("count", "sum", "distinct", "distinct days")


@dataclass(frozen=True)
class Condition:
    """A row counts only where `column` stands in this relation to `value`.

    "not yet": the column's time is null or at or after as_of. "already": it is before as_of.
    """

    column: str
    operator: Operator
    value: object = None


@dataclass(frozen=True)
class Rows:
    """Rows of one table, narrowed by conditions and placed in time by `clock`."""

    table: str
    clock: str
    conditions: tuple[Condition, ...] = ()

    def where(self, **equal: object) -> Rows:
        """Keep rows whose columns equal these values; a tuple means any of them."""
        return self._and(Condition(column, "is", value) for column, value in equal.items())

    def above(self, **limits: float) -> Rows:
        """Keep rows whose columns lie above these limits."""
        return self._and(Condition(column, "above", value) for column, value in limits.items())

    def at_least(self, **limits: float) -> Rows:
        """Keep rows whose columns lie at or above these limits."""
        return self._and(Condition(column, "at least", value) for column, value in limits.items())

    def below(self, **limits: float) -> Rows:
        """Keep rows whose columns lie below these limits."""
        return self._and(Condition(column, "below", value) for column, value in limits.items())

    def known(self, column: str) -> Rows:
        """Keep rows whose column holds a value known before as_of."""
        return self._and([Condition(column, "known")])

    def still(self, column: str) -> Rows:
        """Keep rows for which the time in `column` had not come at as_of: still open, unpaid, active."""
        return self._and([Condition(column, "not yet")])

    def past(self, column: str) -> Rows:
        """Keep rows for which the time in `column` had passed at as_of."""
        return self._and([Condition(column, "already")])

    def timed_by(self, column: str) -> Rows:
        """Place rows in windows by another of their times, such as when a ticket was resolved."""
        return replace(self, clock=column)

    def count(self) -> Measure:
        """Return the number of rows; 0 when there are none."""
        return Measure(self, "count")

    def sum(self, column: str) -> Measure:
        """Return the sum of a number; 0 when there are no rows."""
        return Measure(self, "sum", column)

    def mean(self, column: str) -> Measure:
        """Return the mean of a number; null when there is none."""
        return Measure(self, "mean", column)

    def quantile(self, column: str, share: float) -> Measure:
        """Return the exact, linearly interpolated quantile at `share` (0 to 1); null when none."""
        return Measure(self, "quantile", column, share=share)

    def largest(self, column: str) -> Measure:
        """Return the largest value of a number; null when there is none."""
        return Measure(self, "largest", column)

    def distinct(self, column: str) -> Measure:
        """Return how many different values occur; 0 when there are none."""
        return Measure(self, "distinct", column)

    def distinct_days(self) -> Measure:
        """Return the number of UTC days with a row; 0 when there are none."""
        return Measure(self, "distinct days")

    def hours_between(self, start: str, end: str) -> Measure:
        """Return the mean hours from one time to another; null when no row has both."""
        return Measure(self, "hours between", start, until=end)

    def days_since_last(self) -> Measure:
        """Return days from the newest row to as_of; null when there is none."""
        return Measure(self, "days since last")

    def days_since_first(self) -> Measure:
        """Return days from the oldest row to as_of; null when there is none."""
        return Measure(self, "days since first")

    def days_until(self, column: str, every_months: str | None = None) -> Measure:
        """Return days from as_of to the nearest time at or after it in `column`; null when none.

        `every_months`: a column of months after which the time comes round again; a time that has
        passed is rolled forward by it (a month being 365.25 / 12 days).
        """
        return Measure(self, "days until", column, until=every_months)

    def latest(self, column: str) -> Measure:
        """Return the newest value of a column that holds one; null when there is none."""
        return Measure(self, "latest", column)

    def _and(self, more: Iterable[Condition]) -> Rows:
        return replace(self, conditions=(*self.conditions, *more))


@dataclass(frozen=True)
class Measure:
    """One number from rows; `rows`, `statistic` and what the statistic needs."""

    rows: Rows
    statistic: Statistic
    column: str | None = None
    until: str | None = None
    share: float | None = None

    def __truediv__(self, other: Measure) -> Ratio:
        return Ratio(self, other)


@dataclass(frozen=True)
class Ratio:
    """One measure over another; null where the lower one is 0 or null."""

    over: Measure
    under: Measure


@dataclass(frozen=True)
class Feature:
    """A card: what is measured, in words a CX lead reads, and the columns that follow from it.

    `windows`: days, one column `name_<days>` each; none means one column `name`, at as_of.
    `trend`: days n, a column `name_trend_<n>` = last n days minus the n before.
    `change`: days n, a column `name_change_<n>` = value at as_of minus value n days earlier.
    `lookback`: days beyond which an at-as_of measure does not look; None means all history.
    `good`: which way is better for the customer: "high", "low" or None.
    """

    name: str
    sentence: str
    family: Family
    level: Level
    unit: Unit
    measure: Measure | Ratio
    windows: tuple[int, ...] = ()
    trend: int | None = None
    change: int | None = None
    lookback: int | None = None
    null_means: str = "never null"
    good: Literal["high", "low"] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns this card stands for."""
        found = [Column(f"{self.name}_{days}", self, days) for days in self.windows]
        if not self.windows:
            found.append(Column(self.name, self, None))
        if self.trend is not None:
            found.append(Column(f"{self.name}_trend_{self.trend}", self, self.trend, before=self.trend))
        if self.change is not None:
            found.append(Column(f"{self.name}_change_{self.change}", self, None, before=self.change))
        return tuple(found)

    @property
    def tables(self) -> frozenset[str]:
        """Return the tables this card reads."""
        return frozenset(measure.rows.table for measure in measures(self.measure))


@dataclass(frozen=True)
class Column:
    """One column of the feature table.

    `window`: days, or None for "at as_of". `before`: days by which the value to subtract lies
    earlier (a trend or a change), or None.
    """

    name: str
    feature: Feature = field(repr=False)
    window: int | None
    before: int | None = None

    @property
    def sentence(self) -> str:
        """Return what the column says, in words: the card's sentence and the time it covers."""
        if self.before is None:
            return f"{self.feature.sentence} in the last {self.window} days" if self.window else self.feature.sentence
        if self.window is None:
            return f"{self.feature.sentence}, change over {self.before} days"
        return f"{self.feature.sentence}, last {self.window} days against the {self.before} before"


def measures(measure: Measure | Ratio) -> tuple[Measure, ...]:
    """Return the plain measures a measure is made of."""
    return (measure.over, measure.under) if isinstance(measure, Ratio) else (measure,)


def rows_of(table: str) -> Rows:
    """Return all rows of a canonical table."""
    return Rows(table, TABLES[table].happened_at)


def definition_id(feature: Feature) -> str:
    """Return a hash, 12 hex digits, that changes when what the feature computes changes."""
    meant = (feature.name, feature.measure, feature.windows, feature.trend, feature.change, feature.lookback)
    return hashlib.sha256(repr(meant).encode()).hexdigest()[:12]


def check_features(features: Iterable[Feature]) -> None:
    """Raise DefinitionError for a name used twice or anything unknown, before data are read."""
    seen: set[str] = set()
    for feature in features:
        for column in feature.columns:
            if column.name in seen:
                raise DefinitionError(f"Two features yield the column '{column.name}'; rename one.")
            seen.add(column.name)
        _check_card(feature)
        for measure in measures(feature.measure):
            _check_measure(feature, measure)


def _check_card(feature: Feature) -> None:
    if feature.family not in FAMILIES:
        raise DefinitionError(f"{feature.name}: unknown family '{feature.family}'; known: {', '.join(FAMILIES)}")
    if feature.level not in LEVELS:
        raise DefinitionError(f"{feature.name}: unknown level '{feature.level}'; known: {', '.join(LEVELS)}")
    days = [*feature.windows, feature.trend, feature.change, feature.lookback]
    wrong = [value for value in days if value is not None and not (isinstance(value, int) and value > 0)]
    if wrong:
        raise DefinitionError(f"{feature.name}: a window is a whole number of days above 0, came {wrong[0]!r}")


def _check_measure(feature: Feature, measure: Measure) -> None:
    table = TABLES.get(measure.rows.table)
    if table is None:
        hint = did_you_mean(measure.rows.table, TABLES)
        raise DefinitionError(f"{feature.name} reads the unknown table '{measure.rows.table}'.{hint}")
    if measure.share is not None and not 0 <= measure.share <= 1:
        raise DefinitionError(f"{feature.name}: a quantile's share lies in 0 to 1, came {measure.share}")
    named = {condition.column for condition in measure.rows.conditions} | {measure.rows.clock}
    named |= {column for column in (measure.column, measure.until) if column is not None}
    known = [column.name for column in table.columns]
    for name in sorted(named):
        if table.column(name) is None and table.name != "accounts":
            hint = did_you_mean(name, known)
            raise DefinitionError(f"{feature.name}: table {table.name} has no column '{name}'.{hint}")
