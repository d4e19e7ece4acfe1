"""Drivers, features and model version, published beside the list, as types; the OpenAPI description is made of them."""

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


class Model(msgspec.Struct):
    """The version of the model that made the list. `model_card`: Markdown. `metrics`, `tags`: of its training run."""

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
