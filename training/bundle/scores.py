"""Scores: churn probabilities, lifetime value and contributions per account, as one bundle computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Scores:
    """The scores of n accounts.

    `probability`: (n, H), P(churn within each horizon). `by_cause`: (n, H, 2), voluntary and involuntary, adding up
    to it. `clv`, `clv_if_kept`, `value_at_risk`: (n,), money over 12 months. `like_probability`: (n,), P(churn within
    the headline horizon) of accounts in the same contract position. `probability_by_feature`: (n, U), probability
    points over that; they add up to the score, and so does `probability_by_family`, (n, 4), in the order of
    REASON_FAMILIES. `like_log_odds` and `log_odds_by_family` likewise in log-odds.
    """

    probability: np.ndarray
    by_cause: np.ndarray
    clv: np.ndarray
    clv_if_kept: np.ndarray
    value_at_risk: np.ndarray
    like_probability: np.ndarray
    like_log_odds: np.ndarray
    probability_by_feature: np.ndarray
    probability_by_family: np.ndarray
    log_odds_by_family: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Scores]) -> Scores:
        """Return the scores of several batches of accounts, scored by one bundle, in their order."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


@dataclass(frozen=True)
class Change:
    """Why the scores of n accounts differ from those of an earlier as_of, in probability at the headline horizon.

    `by_family`: (n, 4), in the order of REASON_FAMILIES: what changed in what the account met and did. `by_feature`:
    (n, U). `clock`: (n,), the contract's clock and the season: what would have changed had nothing else. Together they
    add up to the difference of the two scores.
    """

    by_family: np.ndarray
    by_feature: np.ndarray
    clock: np.ndarray
