"""A bundle small enough to train in a test: two small trees per cause, on features that fit in the head."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np

from undertow.features.settings import Value
from undertow.training.bundle.bundle import Bundle
from undertow.training.churn.cause_model import CauseModel
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import COVARIATES

ENDS = (30, 60, 90, 180, 360)
HEADLINE = 90
CARDS = (  # name, sentence, family, unit, categories
    ("error_rate_30", "Errors per page view", "ux", "share", None),
    ("tickets_open", "Tickets still open", "cx", "count", None),
    ("failed_payments_30", "Payment attempts that failed", "billing", "count", None),
    ("active_days_30", "Days with a session", "usage", "days", None),
    ("mrr", "Monthly recurring revenue", "billing", "money/month", None),
    ("tenure_days", "Days as a customer", "profile", "days", None),
    ("days_to_renewal", "Days to renewal", "billing", "days", None),
    ("term_months", "Months of the term", "billing", "count", None),
    ("segment", "Segment", "profile", "text", ("business", "startup")),
)
# covariates of periods that are unknown, as none of the cards above holds what they are computed from
UNKNOWN = ("period_card_expires", "period_in_dunning", "period_dunning_days", "period_list_price_rise")


def bundle_by_hand() -> Bundle:
    """A model that learned that errors, failed payments and silence make people leave."""
    columns = tuple(_column(*card) for card in CARDS)
    names = [*(column.name for column in columns), *(name for name, _, _ in COVARIATES)]
    voluntary = {"error_rate_30": 9.0, "active_days_30": -0.06, "tickets_open": 0.3}
    causes = (
        _cause("voluntary", names, voluntary, seed=0),
        _cause("involuntary", names, {"failed_payments_30": 0.9}, seed=1),
    )
    typical = {"": {"error_rate_30": 0.02, "failed_payments_30": 0.0, "tickets_open": 0.0, "active_days_30": 16.0}}
    return Bundle(
        version="2025-01-31-tiny",
        trained_until="2024-12-31",
        ends=ENDS,
        headline=HEADLINE,
        season=False,
        columns=columns,
        causes=causes,
        typical=typical,
        value=Value(),
    )


def _column(name: str, sentence: str, family: Any, unit: Any, categories: tuple[str, ...] | None) -> ModelColumn:
    return ModelColumn(
        name=name,
        card=name,
        sentence=sentence,
        family=family,
        level="journey",
        unit=unit,
        definition_id="0",
        window=None,
        against=None,
        before=None,
        good=None,
        categories=categories,
    )


def _cause(cause: str, names: list[str], weights: dict[str, float], seed: int) -> CauseModel:
    """A bag of two boosters of few leaves, trained on 2,000 random rows whose log-odds are linear in `weights`."""
    random = np.random.default_rng(seed)
    known = [name for name in names if name not in UNKNOWN]
    matrix = np.full((2000, len(names)), np.nan)
    matrix[:, [names.index(name) for name in known]] = random.uniform(0, 1, (2000, len(known)))
    for name, high in {"error_rate_30": 0.15, "failed_payments_30": 3, "active_days_30": 30, "tickets_open": 4}.items():
        matrix[:, names.index(name)] *= high
    log_odds = -3.5 + sum(weight * matrix[:, names.index(name)] for name, weight in weights.items())
    label = (random.uniform(size=2000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    wanted = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "seed": seed, "num_threads": 1}
    boosters = tuple(
        lgb.train(wanted, lgb.Dataset(matrix, label, feature_name=names), rounds)
        for rounds in (25, 24)  # members that differ
    )
    baseline = float(np.mean([booster.predict(matrix, raw_score=True) for booster in boosters]))
    return CauseModel(cause, boosters, (baseline,) * len(ENDS))
