"""The drivers by month as types, of which the OpenAPI description is made."""

from __future__ import annotations

from typing import Literal

import msgspec

from undertow.features.catalogue.cards import Unit
from undertow.serving.published.answers import Count, Days, IsoDay

Part = Literal["like", "ux", "cx", "billing", "usage"]
Way = Literal["all", "segment", "platform", "plan"]


class Estimate(msgspec.Struct):
    """A number with its 95 % interval from a bootstrap of accounts."""

    value: float | None
    low: float | None
    high: float | None


class Statement(msgspec.Struct):
    """What kind of statement it is: its grade, and what it does not mean."""

    about: Literal["shares", "changes", "measures", "metrics"]
    grade: str
    does_not_mean: str


class SampledMonth(msgspec.Struct):
    """A month: its as_of, how many accounts were customers then, and how many of them were scored."""

    as_of: IsoDay
    customers: Count
    sampled: Count


class GroupName(msgspec.Struct):
    """A group of accounts; `by` "all", with an empty name, is everybody."""

    by: Way
    name: str


class WayOfGrouping(msgspec.Struct):
    """A way of grouping accounts: the groups that can be asked for, and smaller ones that are left out.

    `why_not`: why there are none.
    """

    by: Way
    names: list[str]
    left_out: list[str]
    why_not: str | None


class PartOfRisk(msgspec.Struct):
    """A part of a group's risk: "like" is that of accounts in the same contract position (context), else a family.

    `points`: of probability; `share`: of the mean probability; the parts add up to it. `money`: of the value at risk of
    all customers of the group, and `money_share` of it; null where it is not known.
    """

    part: Part
    points: Estimate | None
    share: Estimate | None
    money: Estimate | None
    money_share: Estimate | None


class GroupMonth(msgspec.Struct):
    """A group in a month. `accounts`: scored. `too_few`: of so few accounts that nothing is said."""

    as_of: IsoDay
    accounts: Count
    too_few: bool
    probability: Estimate | None
    value_at_risk: Estimate | None
    parts: list[PartOfRisk]


class PartChange(msgspec.Struct):
    """Change of a part in the newest month against the first months, in probability.

    `since`: the first month from which it stands out; null: no change does. `why_not`: why nothing can be said.
    """

    part: Part
    change: Estimate | None
    since: IsoDay | None
    why_not: str | None


class Bin(msgspec.Struct):
    """Accounts whose value of a measure lies from `low` to `high`, or is `text`; all null: not known.

    `mean`: of their contributions, probability points, with its 95 % interval.
    """

    low: float | None
    high: float | None
    text: str | None
    accounts: Count
    mean: float | None
    mean_low: float | None
    mean_high: float | None


class DriverMeasure(msgspec.Struct):
    """A measure inside a family, with its direction: mean contributions by value, over all accounts of the list."""

    family: str
    mean_absolute_contribution: float | None
    feature: str
    sentence: str
    unit: Unit
    bins: list[Bin]
    why_not: str | None


class MetricCard(msgspec.Struct):
    """A business metric."""

    name: str
    sentence: str
    family: str
    unit: str


class MetricValue(msgspec.Struct):
    """A business metric in a month, with its 95 % interval where it has one; null where there is too little data."""

    value: float | None
    low: float | None
    high: float | None
    n: Count
    status: str


class MetricMonth(msgspec.Struct):
    """The metrics of the calendar month that ended at `as_of`, in the order of the cards."""

    as_of: IsoDay
    month: str
    values: list[MetricValue]


class MonthlyMetrics(msgspec.Struct):
    """Business metrics of the same months. `left_out`: metric -> why. `why_not`: why there are none."""

    cards: list[MetricCard]
    left_out: dict[str, str]
    why_not: str | None
    months: list[MetricMonth]


class DriversByMonth(msgspec.Struct):
    """What the scores of a group react to, month by month: associated, not causes.

    `horizon`: days. `read_as`: how earlier months are read. `first_months`: with which the newest is compared.
    `why_not`: why there are no months.
    """

    as_of: IsoDay
    horizon: Days
    grade: str
    note: str
    read_as: str
    since_means: str
    why_not: str | None
    statements: list[Statement]
    months: list[SampledMonth]
    first_months: list[IsoDay]
    ways: list[WayOfGrouping]
    measures: list[DriverMeasure]
    group: GroupName
    by_month: list[GroupMonth]
    changes: list[PartChange]
    metrics: MonthlyMetrics
