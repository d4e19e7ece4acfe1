"""Training rows made by hand: two features that matter, one that does not, a contract position and two periods."""

from __future__ import annotations

from typing import Any

import numpy as np

from undertow.features.settings import Training
from undertow.training.churn.roles import Roles, roles_of
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import COVARIATES, PeriodInputs

ENDS = (30, 60)
FAST = Training(trees=30, seeds=2, horizons=ENDS, headline=30)
PAIN, NOISE, FAILED, SIZE = range(4)
COLUMNS = (
    ("pain", "ux", True, "low"),
    ("noise", "usage", False, None),
    ("failed", "billing", False, None),
    ("size", "contract", False, None),
)


def column(name: str, family: Any, deviates: bool, good: str | None, feeds: bool = True) -> ModelColumn:
    return ModelColumn(
        name=name, card=name, sentence=name.capitalize(), family=family, level="journey", unit="count",
        definition_id="0", window=None, against=None, before=None, good=good, feeds=feeds, deviates=deviates,
    )  # fmt: skip


def roles() -> Roles:
    return roles_of(tuple(column(*one) for one in COLUMNS))


def inputs(features: np.ndarray, day: np.ndarray | float = 19_000.0) -> PeriodInputs:
    """The features of n accounts in two periods; every covariate is unknown but the number of the period."""
    n = len(features)
    covariates = np.full((n, len(ENDS), len(COVARIATES)), np.nan)
    covariates[:, :, 0] = np.arange(len(ENDS))
    return PeriodInputs(features, covariates, np.broadcast_to(day, n).astype(float), ENDS)


def made_rows(
    n: int = 3000, pain: float = 1.0, failed: float = 1.5, size: float = -0.5, base: float = -2.5, seed: int = 0
) -> TrainingRows:
    """Who feels pain or is small leaves by choice, whose card failed does not pay; log-odds are linear in both."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, len(COLUMNS)))
    draw = random.uniform(size=(n, len(ENDS)))
    voluntary = 1 / (1 + np.exp(-(base + pain * features[:, PAIN] + size * features[:, SIZE])))
    involuntary = 1 / (1 + np.exp(-(base - 1.0 + failed * features[:, FAILED])))
    left = draw < voluntary[:, None]
    unpaid = ~left & (draw > 1 - involuntary[:, None])
    entered = np.ones((n, len(ENDS)), dtype=bool)
    entered[:, 1] = ~(left | unpaid)[:, 0]
    events = {"voluntary": left & entered, "involuntary": unpaid & entered}
    days = 19_000.0 + 30.0 * (np.arange(n) % 6)
    return TrainingRows(inputs(features, days), entered, events, np.arange(n))
