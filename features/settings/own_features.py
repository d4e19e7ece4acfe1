"""[[features]] of undertow.toml: a company's own features as data."""

from __future__ import annotations

from typing import Literal

from undertow.features.settings.frozen import Frozen, Names

Word = bool | float | str  # a value of a column


class OwnRows(Frozen):
    """Rows of one input table and a statistic of them: the data form of `undertow.features.catalogue.language`."""

    table: str = ""
    clock: str = ""  # the time column that assigns rows to windows; when the row happened if absent
    where: dict[str, Word | tuple[Word, ...]] = {}  # column -> the value it equals; of a list, any
    above: dict[str, float] = {}  # number column -> limit
    at_least: dict[str, float] = {}
    below: dict[str, float] = {}
    at_most: dict[str, float] = {}
    top: dict[str, int] = {}  # column of an answer -> how many of the best answers of its scale
    known: Names = ()  # columns that hold a value
    still: Names = ()  # time columns that have not passed at as_of: still open, unpaid, active
    past: Names = ()  # time columns that have passed at as_of
    open: dict[str, str] = {}  # time column of the closing, still to come at as_of, -> of a reopening since
    measure: str = ""  # the statistic, such as "count", "mean" or "days since last"
    column: str = ""  # what the statistic is of
    until: str = ""  # the later time of "hours between" and "sum of hours"
    every_months: str = ""  # number column: months after which the time of "days until" recurs
    share: float | None = None  # of "quantile", 0 to 1


class Denominator(OwnRows):
    """`per` of one's own feature: what its measure is divided by; rows of the same table unless it names another."""

    feature: str = ""  # the name of another feature to divide by, instead of rows


class OwnFeature(OwnRows):
    """[[features]]: a feature card of the company's own, made and checked by `undertow.features.catalogue.own`.

    The fields from `sentence` on are those of `undertow.features.catalogue.cards.Feature`.
    """

    name: str
    per: Denominator | None = None
    half_life: int | None = None  # days after which a row counts half, over the last three years; instead of windows
    per_day: bool = False  # per day observed, weighed alike; with half_life
    usual: int | None = None  # half-life of the account's usual pace, days: the measure is the log of pace / usual pace
    sentence: str
    family: str
    level: str
    unit: str
    windows: tuple[int, ...] = ()
    trend: int | None = None
    own: int | None = None
    peers: int | None = None
    change: int | None = None
    lookback: int | None = None
    null_means: str = ""
    good: Literal["high", "low"] | None = None
    feeds: bool | int = False
