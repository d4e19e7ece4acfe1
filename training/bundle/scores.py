"""Scores: churn probabilities, lifetime value and contributions per account, as one bundle computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scores:
    """The scores of n accounts.

    `probability`: (n, H), P(churn within each horizon). `by_cause`: (n, H, 2), voluntary and involuntary, adding up
    to it. `clv`, `clv_if_kept`, `value_at_risk`: (n,), money over 12 months. `probability_by_feature`: (n, J),
    probability points at the headline horizon; with `baseline_probability` they add up to the score.
    `log_odds_by_family` likewise in log-odds. `first_family`: (n, members), position in FAMILIES of the family that
    raises the score most, for each member of the bag; profile is never among them.
    """

    probability: np.ndarray
    by_cause: np.ndarray
    clv: np.ndarray
    clv_if_kept: np.ndarray
    value_at_risk: np.ndarray
    baseline_probability: float
    baseline_log_odds: float
    probability_by_feature: np.ndarray
    probability_by_family: np.ndarray
    log_odds_by_family: np.ndarray
    first_family: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Scores]) -> Scores:
        """Return the scores of several batches of accounts, scored by one bundle, in their order."""
        joined: dict[str, Any] = {}
        for field in fields(cls):
            first = getattr(parts[0], field.name)
            is_array = isinstance(first, np.ndarray)
            joined[field.name] = np.concatenate([getattr(part, field.name) for part in parts]) if is_array else first
        return cls(**joined)
