"""A feature as a card: its name, sentence, family, level, unit and measure, and the columns computed from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from undertow.features.catalogue.language import Expression, measures

Family = Literal["ux", "cx", "billing", "usage", "contract", "profile"]
Level = Literal["interaction", "journey", "relationship"]
Unit = Literal[
    "count", "share", "ms", "hours", "days", "money", "money/month", "score", "points", "text",
    "per visit", "per page", "per person", "per day", "log ratio",
]  # fmt: skip
Against = Literal["earlier", "own", "peers"]
FAMILIES: tuple[Family, ...] = ("ux", "cx", "billing", "usage", "contract", "profile")
REASON_FAMILIES: tuple[Family, ...] = ("ux", "cx", "billing", "usage")  # the others are context, never a reason
LEVELS: tuple[Level, ...] = ("interaction", "journey", "relationship")
WINDOWS = (7, 30, 90, 180, 365)  # days; the fewer windows, the fewer slots on the timeline
OWN_DAYS = 90  # days; the account's own level covers the time before the last n days, back to 90 days


@dataclass(frozen=True)
class Feature:
    """A feature card: what is measured, its family, level and unit, and the columns computed from it.

    `sentence`: for a CX lead, without technical terms.
    `windows`: days, one column `name_<days>` each; none means one column `name`, at as_of.
    `trend`: days n, a column `name_trend_<n>` = last n days minus the n before.
    `change`: days n, a column `name_change_<n>` = value at as_of minus value n days earlier.
    `own`: days n, a column `name_own_<n>` = last n days minus the account's own level before, back to
    90 days (counts and sums scaled to n days).
    `peers`: days n, a column `name_peers_<n>` = last n days minus the median of its segment at the same as_of.
    `lookback`: how many days before as_of an at-as_of measure reaches back; None means all history.
    `null_means`: why a value may be null. `good`: which values are better for the customer: "high", "low" or None.
    `feeds`: the one column that feeds the churn model: True: the value at as_of, of a card without windows; a number
    of days: the column of that window; False: none, the card is evidence for people to read.
    `deviates`: whether the value is a distance from the account's own past or from what is usual. Of these cards
    alone the training may constrain the direction of an effect, by `good`.
    """

    name: str
    sentence: str
    family: Family
    level: Level
    unit: Unit
    measure: Expression
    windows: tuple[int, ...] = ()
    trend: int | None = None
    own: int | None = None
    peers: int | None = None
    change: int | None = None
    lookback: int | None = None
    null_means: str = "never null"
    good: Literal["high", "low"] | None = None
    feeds: bool | int = False
    deviates: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns of the feature table that are computed from this card."""
        columns = [Column(f"{self.name}_{days}", self, days) for days in self.windows]
        if not self.windows:
            columns.append(Column(self.name, self, None))
        if self.trend is not None:
            columns.append(Column(f"{self.name}_trend_{self.trend}", self, self.trend, "earlier", self.trend))
        if self.own is not None:
            columns.append(Column(f"{self.name}_own_{self.own}", self, self.own, "own", self.own))
        if self.peers is not None:
            columns.append(Column(f"{self.name}_peers_{self.peers}", self, self.peers, "peers"))
        if self.change is not None:
            columns.append(Column(f"{self.name}_change_{self.change}", self, None, "earlier", self.change))
        return tuple(columns)

    @property
    def tables(self) -> frozenset[str]:
        """Return the tables this card reads; accounts too (for the segment) where it is compared with peers."""
        read = frozenset(measure.rows.table for measure in measures(self.measure))
        return read | {"accounts"} if self.peers is not None else read


@dataclass(frozen=True)
class Column:
    """One column of the feature table.

    `window`: days, or None for "at as_of". `against`: what is subtracted: the value `before` days
    earlier, the account's own level before the last days, or the median of its peers; or None.
    """

    name: str
    feature: Feature = field(repr=False)
    window: int | None
    against: Against | None = None
    before: int | None = None

    @property
    def feeds(self) -> bool:
        """Return whether the column feeds the churn model; a column that is compared with another never does."""
        if self.against is not None:
            return False
        return self.feature.feeds is True if self.window is None else self.feature.feeds == self.window

    @property
    def reads_others(self) -> bool:
        """Return whether the column depends on the rows of other accounts: its peers, or all accounts."""
        read = measures(self.feature.measure)
        return self.against == "peers" or any(m.of_all or m.statistic == "days observed" for m in read)

    @property
    def sentence(self) -> str:
        """Return the description of the column: the card's sentence and the window it covers."""
        card = self.feature.sentence
        if self.window is None:
            return card if self.before is None else f"{card}, change over {self.before} days"
        match self.against:
            case None:
                return f"{card} in the last {self.window} days"
            case "earlier":
                return f"{card}, last {self.window} days against the {self.before} before"
            case "own":
                return f"{card}, last {self.window} days against its own level of the {OWN_DAYS - self.window} before"
            case "peers":
                return f"{card}, last {self.window} days against the median of its segment"


def definition_id(feature: Feature) -> str:
    """Return a hash, 12 hex digits, of a feature's name, measure and days.

    Its wording, and what it is used for (`good`, `feeds`, `deviates`), do not change it.
    """
    days = (feature.windows, feature.trend, feature.own, feature.peers, feature.change, feature.lookback)
    definition = (feature.name, feature.measure, days)
    return hashlib.sha256(repr(definition).encode()).hexdigest()[:12]
