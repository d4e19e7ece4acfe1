"""Scores: churn probabilities, lifetime value and contributions per account, as one bundle computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES

MONEY = (
    "clv", "clv_low", "clv_high", "clv_by_horizon", "clv_if_kept", "value_at_risk", "like_value_at_risk",
    "value_at_risk_by_family",
)  # fmt: skip
CLV_HORIZONS = ("12", "24", "36", "whole")  # months; the last: the whole relationship


@dataclass(frozen=True)
class Scores:
    """The scores of n accounts.

    `probability`: (n, H), P(churn within each horizon). `by_cause`: (n, H, 2), voluntary and involuntary, adding up
    to it. `clv`, `clv_low`, `clv_high`: (n,), money over the months of the CLV, and the 80 % interval of what will be
    realised; NaN where it could not be learned. `clv_by_horizon`: (n, 4), over 12, 24 and 36 months and the whole
    relationship.
    `clv_if_kept`: (n,), if the account stays through the headline horizon and then leaves as forecast; `value_at_risk`:
    (n,), that less `clv`. `like_value_at_risk`: (n,), of this account if it left as accounts in the same contract
    position; `value_at_risk_by_family`, (n, 4), adds up with it to `value_at_risk`. `months_expected`: (n,), as a
    customer from now on; `months_in_a_year`: (n,), of the next 12. `like_probability`: (n,), P(churn within
    the headline horizon) of accounts in the same contract position. `probability_by_feature`: (n, U), probability
    points over that; they add up to the score, and so does `probability_by_family`, (n, 4), in the order of
    REASON_FAMILIES.
    """

    probability: np.ndarray
    by_cause: np.ndarray
    clv: np.ndarray
    clv_low: np.ndarray
    clv_high: np.ndarray
    clv_by_horizon: np.ndarray
    clv_if_kept: np.ndarray
    value_at_risk: np.ndarray
    like_value_at_risk: np.ndarray
    value_at_risk_by_family: np.ndarray
    months_expected: np.ndarray
    months_in_a_year: np.ndarray
    like_probability: np.ndarray
    probability_by_feature: np.ndarray
    probability_by_family: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Scores]) -> Scores:
        """Return the scores of several batches of accounts, scored by one bundle, in their order."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def without_values(self, unknown: np.ndarray) -> Scores:
        """Return the same scores with NaN for every amount of money where `unknown`, bool, (n,), is true."""
        if not unknown.any():
            return self
        blanked = {name: getattr(self, name).astype(float) for name in MONEY}
        for values in blanked.values():
            values[unknown] = np.nan
        return replace(self, **blanked)


def unexplained(accounts: int, features: int) -> dict[str, np.ndarray]:
    """Return the fields of Scores that explain a score, all NaN."""
    shapes: dict[str, tuple[int, ...]] = {
        "like_value_at_risk": (),
        "value_at_risk_by_family": (len(REASON_FAMILIES),),
        "like_probability": (),
        "probability_by_feature": (features,),
        "probability_by_family": (len(REASON_FAMILIES),),
    }
    return {name: np.full((accounts, *shape), np.nan) for name, shape in shapes.items()}


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
