"""What is published beside the list, as types: drivers, features, model version, journeys and personas.

The OpenAPI description is made of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from undertow.features.catalogue.cards import Unit
from undertow.serving.published.answers import Count, Days, IsoDay, Probability


class DriverFeature(msgspec.Struct):
    """One feature that the scores react to; `mean_absolute_contribution`: over accounts, probability points."""

    feature: str
    sentence: str
    mean_absolute_contribution: float | None


class DriverFamily(msgspec.Struct):
    """One feature family's contributions over all accounts, probability points.

    `share_of_accounts_first`: among the accounts where one family stands out; null where there are none.
    """

    family: str
    mean_absolute_contribution: float | None
    mean_contribution: float | None
    share_of_accounts_first: Probability | None
    top_features: list[DriverFeature]


class MeanContribution(msgspec.Struct):
    """One feature family's mean contribution in a segment, probability points."""

    family: str
    mean_contribution: float | None


class DriverSegment(msgspec.Struct):
    """Contributions in one segment. `too_few`: of so few accounts that `families` is empty."""

    segment: str
    accounts: Count
    too_few: bool
    mean_probability: Probability | None
    mean_like_probability: Probability | None
    families: list[MeanContribution]


class Drivers(msgspec.Struct):
    """What the scores react to, by feature family, overall and by segment: associated, not causes.

    `horizon`: days. `mean_like_probability`: of accounts in the same contract position.
    """

    as_of: IsoDay
    horizon: Days
    accounts: Count
    grade: str
    note: str
    mean_like_probability: Probability | None
    share_of_accounts_where_one_stands_out: Probability | None
    families: list[DriverFamily]
    segments: list[DriverSegment]


class FeatureOfRow(msgspec.Struct):
    """What a feature of a row is. `required`: whether a row must hold it; the others are evidence alone.

    `known_texts`: the texts of a text feature that the model has met; another is read as unknown.
    """

    name: str
    sentence: str
    family: str
    required: bool
    type: Literal["number", "text"]
    unit: Unit
    unit_means: str
    known_texts: list[str]
    null_means: str
    definition_id: str


class Features(msgspec.Struct):
    """The features of a row, those first that it must hold."""

    features: list[FeatureOfRow]


class ChampionMove(msgspec.Struct):
    """One move of the champion to `version`. `at`: UTC. `before`: the champion until then, null: there was none."""

    at: str
    version: int
    before: int | None
    how: Literal["training", "promote", "rollback"]
    reason: str


class MetricEstimate(msgspec.Struct):
    """A metric with its 95 % interval; null where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None


class JudgedModel(msgspec.Struct):
    """The results of one model, or baseline, at one horizon (days), on `rows` snapshots of which `churners` left."""

    model: str
    horizon: Days
    rows: Count
    churners: Count
    metrics: dict[str, MetricEstimate]


class BacktestMoment(msgspec.Struct):
    """One past day at which a model was trained: snapshots it learned from, `churners` among them, and its results."""

    as_of: IsoDay
    learned: Count
    churners: Count
    results: list[JudgedModel]


class Backtest(msgspec.Struct):
    """The newest backtest when the list was published, at the headline horizon. `at`: when it was run."""

    at: str
    moments: list[BacktestMoment]
    pooled: list[JudgedModel]


class Model(msgspec.Struct):
    """The version of the model that made the list. `model_card`: Markdown. `metrics`, `tags`: of its training run.

    `backtest`: null where none had been run.
    """

    version: Count
    aliases: list[str]
    run_id: str
    bundle: str
    trained_at: str
    trained_until: str
    verdict: str
    metrics: dict[str, float | None]
    tags: dict[str, str]
    history: list[ChampionMove]
    model_card: str
    backtest: Backtest | None = None


class Left(msgspec.Struct):
    """How many of a group left within the horizon, with the 95 % interval of the share.

    `snapshots`: an account counts once per observed as_of. `share` is null where there are too few accounts.
    """

    accounts: Count
    snapshots: Count
    left: Count
    share: Probability | None
    low: Probability | None
    high: Probability | None


class Difference(msgspec.Struct):
    """A share less another, -1 to 1, with its 95 % interval from a bootstrap of accounts."""

    value: float | None
    low: float | None
    high: float | None


class GroupValue(msgspec.Struct):
    """What a group of accounts is worth now. Money; `mean_mrr`: per month."""

    accounts: Count
    mean_clv: float | None
    mean_mrr: float | None
    value_at_risk: float | None


class TroubleRule(msgspec.Struct):
    """A threshold on a feature, in its unit: an account beyond it met trouble.

    `typical`: three in four of the accounts in the touchpoint stay within it.
    """

    feature: str
    sentence: str
    unit: Unit
    holds: Literal["above", "below", "at least", "at most", "known"]
    limit: float | None
    typical: bool


class TouchpointMetric(msgspec.Struct):
    """Medians of a feature: of the accounts in the touchpoint, of those in trouble there, and of the others."""

    feature: str
    sentence: str
    family: str
    unit: Unit
    median: float | None
    in_trouble: float | None
    others: float | None


class TouchpointChurn(msgspec.Struct):
    """Churn within the horizon of those who met trouble, and of the others.

    `difference`: trouble less others; `like`: the same if the others were in the contract positions of those in
    trouble. `why_not`: why there is no difference.
    """

    trouble: Left | None
    others: Left | None
    difference: Difference | None
    like: Difference | None
    why_not: str | None


class TouchpointValue(msgspec.Struct):
    """What those in trouble are worth now, and the others."""

    trouble: GroupValue
    others: GroupValue


class Touchpoint(msgspec.Struct):
    """A touchpoint of the journey. `accounts`, `in_trouble`: in it now, and in trouble there.

    `why_not`: why it is not available; its other fields are then null or empty.
    """

    name: str
    title: str
    sentence: str
    accounts: Count | None
    in_trouble: Count | None
    trouble: list[TroubleRule]
    metrics: list[TouchpointMetric]
    churn: TouchpointChurn | None
    value: TouchpointValue | None
    why_not: str | None


class Journeys(msgspec.Struct):
    """The touchpoints in order: associated, not causes.

    `horizon`: days. `observed_as_ofs`: after which churn was observed. `why_not`: why churn is not known.
    """

    as_of: IsoDay
    horizon: Days
    observed_as_ofs: list[IsoDay]
    accounts: Count
    grade: str
    note: str
    why_not: str | None
    touchpoints: list[Touchpoint]


class PersonaMeasure(msgspec.Struct):
    """A measure that personas are found by."""

    feature: str
    sentence: str
    family: str


class PersonaDifference(msgspec.Struct):
    """A measure that distinguishes a persona; `deviation`: mean standard deviations from the median account."""

    feature: str
    sentence: str
    family: str
    deviation: float | None


class PersonaProfile(msgspec.Struct):
    """Medians of a feature, of a persona and of all accounts."""

    feature: str
    sentence: str
    family: str
    unit: Unit
    median: float | None
    overall: float | None


class Persona(msgspec.Struct):
    """A group of accounts that met and did alike. `churn`: of those that were in it at the observed as_ofs."""

    name: str
    share: Probability | None
    differs: list[PersonaDifference]
    profile: list[PersonaProfile]
    churn: Left | None
    value: GroupValue


class TriedNumber(msgspec.Struct):
    """What was found for one number of groups.

    `stability`: mean adjusted Rand index over bootstraps. `smallest`: share of accounts. `explained`, `shuffled`: share
    of the variance between groups, and where the measures are shuffled.
    """

    number: Count
    stability: float | None
    smallest: float | None
    explained: float | None
    shuffled: float | None
    is_stable: bool


class Personas(msgspec.Struct):
    """Personas, the largest first; none, and `why_not`, where no groups are stable: associated, not causes."""

    as_of: IsoDay
    horizon: Days
    observed_as_ofs: list[IsoDay]
    accounts: Count
    grade: str
    note: str
    measures: list[PersonaMeasure]
    stable_from: float | None
    tried: list[TriedNumber]
    personas: list[Persona]
    churn_why_not: str | None
    why_not: str | None
