"""A model of which only the columns matter, with contributions by hand: for tests of reasons and evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tests.training.bundle.by_hand import no_value
from undertow.features.catalogue.cards import REASON_FAMILIES, Column, Feature, definition_id
from undertow.features.catalogue.choose import FEATURES
from undertow.features.settings import Value
from undertow.training.bundle.attribution import by_group
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.like import LikeAccounts
from undertow.training.bundle.scores import Scores
from undertow.training.bundle.stability import Stability
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.linear import ColumnScores, LinearModel
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import COVARIATES

CARDS = (
    "error_rate", "errors_above_usual", "error_share_usual", "errors_met_by_all", "load_time_above_usual",
    "tickets_open", "oldest_open_ticket", "nps_latest", "ticket_pace_usual", "visits", "visits_lately_against_usual",
    "visit_pace", "failed_payments", "in_dunning", "days_to_card_expiry", "card_expired", "list_price_step_ahead",
    "price_rise", "mrr_contraction", "days_late", "mrr_ending", "mrr", "tenure_days",
)  # fmt: skip
STABILITY = Stability(edges=(0.1,), clear=(0.91, 0.92), unclear=(0.61, None), models=5)


def model_column(column: Column) -> ModelColumn:
    feature = column.feature
    return ModelColumn(
        name=column.name, card=feature.name, sentence=column.sentence, family=feature.family, level=feature.level,
        unit=feature.unit, definition_id=definition_id(feature), window=column.window, against=column.against,
        before=column.before, good=feature.good, feeds=column.feeds, deviates=feature.deviates,
    )  # fmt: skip


def _bundle() -> Bundle:
    columns = tuple(model_column(column) for card in CARDS for column in _card(card).columns)
    nothing = np.zeros(0)
    read = tuple(number for number, column in enumerate(columns) if column.feeds)
    linear = LinearModel(read, tuple(range(len(columns), len(columns) + len(COVARIATES))), ColumnScores((), ()),
                         nothing, nothing, nothing, nothing)  # fmt: skip
    one_group = LikeAccounts((), *(np.zeros(1, dtype=int) for _ in range(5)), means=nothing, medians=({},))
    return Bundle(
        version="hand", trained_until="2024-12-31", ends=(30, 90), headline=90, columns=columns,
        causes=(CauseModel("voluntary", (0.0, 0.0), linear=linear),), like=one_group, value=Value(currency="EUR"),
        stability=STABILITY,
    )  # fmt: skip


def _card(name: str) -> Feature:
    return next(feature for feature in FEATURES if feature.name == name)


BUNDLE = _bundle()


def scores_by_hand(contributions: Mapping[str, float], bundle: Bundle = BUNDLE, probability: float = 0.2) -> Scores:
    """Return the scores of one account with these contributions by feature, and `probability` at every horizon."""
    shares = np.zeros((1, len(bundle.contribution_names)))
    for name, share in contributions.items():
        shares[0, bundle.contribution_names.index(name)] = share
    by_family = by_group(shares, bundle.contribution_families, REASON_FAMILIES)
    return replace(
        no_value(1), probability=np.full((1, 2), probability), by_cause=np.zeros((1, 2, 2)),
        like_probability=np.full(1, 0.1), probability_by_feature=shares, probability_by_family=by_family,
    )  # fmt: skip


def without_stability() -> Bundle:
    return replace(BUNDLE, stability=Stability())
