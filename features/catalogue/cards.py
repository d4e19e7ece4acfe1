"""A feature as a card: its name, sentence, family, level, unit and measure, and the columns computed from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from undertow.features.catalogue.language import Expression, measures

Family = Literal["ux", "cx", "billing", "usage", "profile"]
Level = Literal["interaction", "journey", "relationship"]
Unit = Literal[
    "count", "share", "ms", "hours", "days", "money", "money/month", "score", "points", "text",
    "per visit", "per page", "per person",
]  # fmt: skip
Against = Literal["earlier", "own", "peers"]
FAMILIES: tuple[Family, ...] = ("ux", "cx", "billing", "usage", "profile")
LEVELS: tuple[Level, ...] = ("interaction", "journey", "relationship")
WINDOWS = (7, 30, 90, 180, 365)  # days; few different windows mean few edges on the time line
OWN_DAYS = 90  # the account's own level: what lies before the last days, up to this far back


@dataclass(frozen=True)
class Feature:
    """A card: what is measured, in words a CX lead reads, and the columns that follow from it.

    `windows`: days, one column `name_<days>` each; none means one column `name`, at as_of.
    `trend`: days n, a column `name_trend_<n>` = last n days minus the n before.
    `change`: days n, a column `name_change_<n>` = value at as_of minus value n days earlier.
    `own`: days n, a column `name_own_<n>` = last n days minus the account's own level before, back to
    90 days (counts and sums scaled to n days).
    `peers`: days n, a column `name_peers_<n>` = last n days minus the median of its segment then.
    `lookback`: days beyond which an at-as_of measure does not look; None means all history.
    `good`: which way is better for the customer: "high", "low" or None.
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

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns this card stands for."""
        found = [Column(f"{self.name}_{days}", self, days) for days in self.windows]
        if not self.windows:
            found.append(Column(self.name, self, None))
        if self.trend is not None:
            found.append(Column(f"{self.name}_trend_{self.trend}", self, self.trend, "earlier", self.trend))
        if self.own is not None:
            found.append(Column(f"{self.name}_own_{self.own}", self, self.own, "own", self.own))
        if self.peers is not None:
            found.append(Column(f"{self.name}_peers_{self.peers}", self, self.peers, "peers"))
        if self.change is not None:
            found.append(Column(f"{self.name}_change_{self.change}", self, None, "earlier", self.change))
        return tuple(found)

    @property
    def tables(self) -> frozenset[str]:
        """Return the tables this card reads; its peers are told apart by the accounts' segment."""
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
    def sentence(self) -> str:
        """Return what the column says, in words: the card's sentence and the time it covers."""
        said = self.feature.sentence
        if self.window is None:
            return said if self.before is None else f"{said}, change over {self.before} days"
        match self.against:
            case None:
                return f"{said} in the last {self.window} days"
            case "earlier":
                return f"{said}, last {self.window} days against the {self.before} before"
            case "own":
                return f"{said}, last {self.window} days against its own level of the {OWN_DAYS - self.window} before"
            case "peers":
                return f"{said}, last {self.window} days against the median of its segment"


def definition_id(feature: Feature) -> str:
    """Return a hash, 12 hex digits, that changes when what the feature computes changes."""
    days = (feature.windows, feature.trend, feature.own, feature.peers, feature.change, feature.lookback)
    meant = (feature.name, feature.measure, days)
    return hashlib.sha256(repr(meant).encode()).hexdigest()[:12]
