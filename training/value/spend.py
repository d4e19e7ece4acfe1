"""The value of accounts that buy without a contract: expected spend, and what staying away would cost.

Value over M months = expected spend x margin x (1 + d)^(-M / 24): discounted from the middle of the horizon. What an
account would be worth if it were sure to buy again is that divided by the probability that it ever does. Value at risk
is the probability of staying away through the headline horizon, times what is lost by that: who stayed away for 90 days
may still come back, so the value that is then expected is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.features.settings import Value
from undertow.training.churn.curves import ABSENCE
from undertow.training.examples.person_periods import numbers

# of a row, beside its features
SPEND_COLUMNS = ("expected_spend", "spend_low", "spend_high", "buys_again", "spend_if_away")
LEAST = 0.05  # probability of buying again below which it is not divided by: the two models differ there
YEAR_SPENT = "spend_365"  # the feature that stands for expected spend where no model could be fitted


@dataclass(frozen=True)
class SpendOutlook:
    """What n accounts are expected to spend, times margin and discount; float arrays of shape (n,), money.

    `value`, `low`, `high`: over the months of the CLV, NaN where no model was fitted. `kept`: if the account were sure
    to buy again; without a model, what it spent in the last 365 days, in as many months. `lost`: of that, by staying
    away through the headline horizon; without a model, all of it.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    kept: np.ndarray
    lost: np.ndarray

    def values(self, probability: np.ndarray, place: int | None, horizons: int) -> dict[str, np.ndarray]:
        """Return the fields of Scores, by name; `probability`: (n,), of staying away through the headline horizon.

        `place`: of the months of the CLV among the `horizons` that Scores holds; None: it is none of them.
        """
        unknown = np.full(len(self.value), np.nan)
        by_horizon = np.full((len(self.value), horizons), np.nan)
        if place is not None:
            by_horizon[:, place] = self.value
        return {
            "clv": self.value,
            "clv_low": self.low,
            "clv_high": self.high,
            "clv_by_horizon": by_horizon,
            "clv_if_kept": self.kept,
            "value_at_risk": probability * self.lost,
            "months_expected": unknown,
            "months_in_a_year": unknown,
        }


def spend_outlook(rows: pa.Table, settings: Value) -> SpendOutlook:
    """Return the outlook of feature rows that hold SPEND_COLUMNS, as far as they do."""
    money = settings.margin * (1.0 + settings.discount_rate) ** (-settings.months / 24)
    spend, low, high, again, away = (numbers(rows, name) for name in SPEND_COLUMNS)
    pace = numbers(rows, YEAR_SPENT) * settings.months / 12
    kept = np.where(np.isnan(spend), pace, spend / np.clip(again, LEAST, 1.0))
    lost = np.maximum(kept - np.nan_to_num(away), 0.0)
    return SpendOutlook(spend * money, low * money, high * money, kept * money, lost * money)


def paid_per_month(rows: pa.Table) -> np.ndarray:
    """Return MRR, or a twelfth of what was bought in the last 365 days where rows have none; (n,), 0 where unknown."""
    mrr = numbers(rows, "mrr")
    return np.nan_to_num(np.where(np.isnan(mrr), numbers(rows, YEAR_SPENT) / 12, mrr))


@dataclass(frozen=True)
class LostSpend:
    """Value lost to staying away, as a function of log-odds; `lost`: (n,), money, by the horizon without activity."""

    lost: np.ndarray

    def value(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the value lost, shape (n,), money; `log_odds`: (n, K, C), up to the headline horizon."""
        return self.lost * ABSENCE.probability(log_odds)

    def gradient(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the derivative of `value` with respect to each log-odds, shape (..., n, K, C), as they have."""
        return self.lost[:, None, None] * ABSENCE.gradient(log_odds)
