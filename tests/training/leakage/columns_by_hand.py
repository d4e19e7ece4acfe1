"""Columns and days to churn for the leakage checks: N accounts, judged within HEADLINE days."""

from __future__ import annotations

import numpy as np

from undertow.features.catalogue.cards import Column, Feature, Unit
from undertow.features.catalogue.language import rows_of

N = 400
HEADLINE = 90


def column(name: str, text: bool = False, clock: bool = False) -> Column:
    subscriptions = rows_of("subscriptions")
    measure = subscriptions.days_until("renews_at") if clock else subscriptions.count()
    unit: Unit = "text" if text else "score"
    return Column(name, Feature(name, name, family="profile", level="relationship", unit=unit, measure=measure), None)


def churn_days(rng: np.random.Generator, share: float = 0.3, n: int = N) -> np.ndarray:
    """Days to churn within the horizon for a share of n accounts, and none for the others."""
    return np.where(rng.random(n) < share, rng.uniform(0, HEADLINE, n), np.nan)
