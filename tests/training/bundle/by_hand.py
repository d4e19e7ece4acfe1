"""A bundle small enough to make in a test: all stages of a hazard, on features that fit in the head.

Regression and season are written by hand; the trees are fitted on 1,500 random accounts.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.settings import Value
from undertow.training.bundle.attribution import contributions_of, used_columns
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.like import LikeAccounts, fit_like_accounts
from undertow.training.bundle.scores import Scores
from undertow.training.bundle.stability import Stability
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.linear import ColumnScores, LinearModel
from undertow.training.churn.position import PositionModel
from undertow.training.churn.recipe import Recipe
from undertow.training.churn.season import Season
from undertow.training.churn.trees import TreeModel
from undertow.training.examples.encoding import ModelColumn, encode
from undertow.training.examples.person_periods import COVARIATES, PeriodInputs, period_inputs
from undertow.training.value.intervals import ValueIntervals

EVEN = tuple(np.linspace(0, 1.1, 101).tolist())  # realised shares
ENDS = (30, 60, 90, 180, 360)
HEADLINE = 90
N = 1500
CARDS: tuple[tuple[str, str, Any, Any, str | None, bool], ...] = (  # name, sentence, family, unit, good, feeds
    ("error_rate_30", "Errors per page view", "ux", "share", "low", True),
    ("crashes_30", "Crashes met", "ux", "count", "low", False),
    ("tickets_open", "Tickets still open", "cx", "count", "low", True),
    ("failed_payments_30", "Payment attempts that failed", "billing", "count", "low", True),
    ("days_to_card_expiry", "Days until the payment card expires", "billing", "days", "high", False),
    ("active_days_30", "Days with a session", "usage", "days", "high", True),
    ("mrr", "Monthly recurring revenue", "contract", "money/month", None, True),
    ("tenure_days", "Days as a customer", "contract", "days", None, True),
    ("days_to_renewal", "Days to renewal", "contract", "days", None, True),
    ("term_months", "Months of the term", "contract", "count", None, True),
    ("segment", "Segment", "profile", "text", None, True),
)
SEGMENTS = ("business", "startup")
NAMES = [*(name for name, *_ in CARDS), *(name for name, _, _ in COVARIATES)]
POSITION = tuple(
    number
    for number, family in enumerate([*(card[2] for card in CARDS), *(family for _, family, _ in COVARIATES)])
    if family in ("contract", "profile")
)


@cache
def bundle_by_hand() -> Bundle:
    """Return a model in which errors, open tickets, failed payments and silence raise the score."""
    columns = tuple(_column(*card) for card in CARDS)
    rows = random_rows(N, seed=0)
    inputs = period_inputs(encode(columns, rows), rows, ENDS)
    causes = (_voluntary(inputs), _involuntary())
    return Bundle(
        version="2025-01-31-tiny",
        trained_until="2024-12-31",
        ends=ENDS,
        headline=HEADLINE,
        columns=columns,
        causes=causes,
        like=_like(inputs, columns, causes),
        value=Value(),
        intervals=ValueIntervals((0.5, 1.0), (EVEN, EVEN), accounts=200),
        stability=Stability(edges=(0.1,), clear=(0.9, 0.92), unclear=(0.6, None), models=5),
    )


def random_rows(n: int, seed: int) -> pa.Table:
    """Return feature rows of n random accounts over two years; those that pay by the month are less active."""
    random = np.random.default_rng(seed)
    term = random.choice([1.0, 12.0], n)
    numbers = {
        "error_rate_30": random.uniform(0, 0.15, n),
        "crashes_30": random.poisson(0.5, n).astype(float),
        "tickets_open": random.poisson(0.7, n).astype(float),
        "failed_payments_30": random.poisson(0.3, n).astype(float),
        "days_to_card_expiry": np.where(random.uniform(size=n) < 0.3, np.nan, random.uniform(0, 1000, n)),
        "active_days_30": random.uniform(0, 15, n) + np.where(term == 12, 15, 0),
        "mrr": random.uniform(50, 5000, n),
        "tenure_days": random.uniform(10, 1500, n),
        "days_to_renewal": random.uniform(0, 30.4, n) * term,
        "term_months": term,
    }
    moments = [datetime(2023, 1, 1) + timedelta(days=int(day)) for day in random.integers(0, 730, n)]
    return pa.table({
        "account_id": [f"r{number:04}" for number in range(n)],
        "as_of": pa.array(moments, pa.timestamp("us")),
        **{name: pa.array(values, from_pandas=True) for name, values in numbers.items()},
        "segment": pa.array([[*SEGMENTS, None][number] for number in random.integers(0, 3, n)]),
    })  # fmt: skip


def _column(name: str, sentence: str, family: Any, unit: Any, good: str | None, feeds: bool) -> ModelColumn:
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
        good=good,
        categories=SEGMENTS if unit == "text" else None,
        feeds=feeds,
    )


def _voluntary(inputs: PeriodInputs) -> CauseModel:
    """Contract position, regression, trees by family and season."""
    reasons = tuple(NAMES.index(name) for name in ("error_rate_30", "tickets_open", "active_days_30"))
    position = {"period_tenure_days": -0.001, "period_renewals": 0.5, "term_months": -0.08, "segment": 1.0}
    experience = {"error_rate_30": 6.0, "tickets_open": 0.3, "active_days_30": -0.02}
    period = NAMES.index("period")
    groups = [[0, 3], [1, 3], [2, 3]]  # places in `read`: each reason column with the period
    read = (*reasons, period)
    linear = LinearModel(
        columns=reasons,
        covariates=(),
        scores=ColumnScores(
            (np.array([0.0, 0.15]), np.array([0.0, 4.0]), np.array([0.0, 30.0])),
            (np.array([-1.0, 2.0]), np.array([-0.5, 2.5]), np.array([-1.5, 1.5])),
        ),
        intercept=np.array([0.1, 0.0, 0.0, -0.1, -0.1]),
        lasting=np.array([0.3, 0.1, -0.1]),
        recent=np.array([0.3, 0.1, -0.2]),
        slopes=np.zeros(0),
    )
    return CauseModel(
        "voluntary",
        (0.0,) * len(ENDS),
        PositionModel(_boosters(inputs, POSITION, position, -3.5), POSITION),
        linear,
        TreeModel(_boosters(inputs, read, experience, 0.0, interaction_constraints=groups), read),
        Season(cosine=0.1, sine=-0.05),
        Recipe(structured=True, wide=False, ridge=300.0, trees=15, why="by hand"),
    )


def _involuntary() -> CauseModel:
    """A regression on failed payments and on whether the payment card expires."""
    linear = LinearModel(
        columns=(NAMES.index("failed_payments_30"),),
        covariates=(NAMES.index("period_card_expires"),),
        scores=ColumnScores((np.array([0.0, 3.0]),), (np.array([-0.5, 2.5]),)),
        intercept=np.array([-5.0, -5.5, -5.5, -5.0, -4.5]),
        lasting=np.array([0.4]),
        recent=np.array([1.6]),
        slopes=np.array([0.8]),
    )
    return CauseModel("involuntary", (0.0,) * len(ENDS), linear=linear)


def _boosters(
    inputs: PeriodInputs, columns: tuple[int, ...], weights: dict[str, float], level: float, **more: Any
) -> tuple[lgb.Booster, ...]:
    """Return two boosters that differ, fitted to person-period rows whose log-odds are linear in `weights`."""
    matrix = inputs.matrix(columns)
    names = [NAMES[column] for column in columns]
    log_odds = level + sum(weight * np.nan_to_num(matrix[:, names.index(name)]) for name, weight in weights.items())
    label = np.random.default_rng(1).uniform(size=len(matrix)) < 1 / (1 + np.exp(-log_odds))
    wanted = {"objective": "binary", "num_leaves": 5, "verbosity": -1, "num_threads": 1, **more}
    if level == 0.0:
        wanted["boost_from_average"] = False
    data = {"label": label.astype(float), "params": {"verbosity": -1}}
    return tuple(lgb.train(wanted, lgb.Dataset(matrix, **data), rounds) for rounds in (15, 14))


def _like(inputs: PeriodInputs, columns: tuple[ModelColumn, ...], causes: tuple[CauseModel, ...]) -> LikeAccounts:
    families = [*(column.family for column in columns), *(family for _, family, _ in COVARIATES)]
    used = used_columns(causes, families)
    inputs = inputs.first(ENDS.index(HEADLINE) + 1)
    parts = contributions_of(causes, used, inputs)
    by_family = [
        parts[:, [families[number] == family for number in used]].sum(axis=(1, 2, 3)) for family in REASON_FAMILIES
    ]
    numbers = {column.name: inputs.features[:, n] for n, column in enumerate(columns) if not column.is_text}
    return fit_like_accounts(inputs, POSITION, np.stack(by_family, axis=1), parts, numbers)


def no_value(n: int) -> Scores:
    """Return scores of n accounts that are all 0, to be replaced in part."""
    wide = {"clv_by_horizon": 4, "value_at_risk_by_family": len(REASON_FAMILIES)}
    return Scores(**{each.name: np.zeros((n, wide[each.name]) if each.name in wide else n) for each in fields(Scores)})
