"""Scores: probabilities, lifetime value and contributions per account."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """What is said of each of n accounts.

    `probability`: (n, H), P(churn within each horizon). `by_cause`: (n, H, 2), voluntary and
    involuntary, adding up to it. `clv`, `clv_if_kept`, `value_at_risk`: (n,), money over 12 months.
    `probability_by_feature`: (n, J), probability points at the headline horizon; with
    `baseline_probability` they add up to the score. `log_odds_by_family` likewise in log-odds.
    `first_family`: (n, members), position in FAMILIES of the family that raises the score most,
    by each member of the bag alone; profile is never among them.
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
