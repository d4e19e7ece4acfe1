"""The value forecast of accounts: what is paid in each coming month, and the values over each horizon.

Two plans per account: what is announced (ends, downgrades, pauses and upgrades), and what would be paid if an announced
loss did not come. The difference is value at risk too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undertow.features.settings import Value
from undertow.training.examples.announced import Announced
from undertow.training.value.growth import Growth
from undertow.training.value.intervals import ValueIntervals
from undertow.training.value.planned import leaves_on, planned_mrr
from undertow.training.value.subscription import (
    HORIZONS,
    LONGEST,
    Months,
    months_ahead,
    value_beyond,
    value_by_months,
    value_if_staying,
)


@dataclass(frozen=True)
class Outlook:
    """What n accounts are worth in each of the next 36 months if they are customers then.

    `planned`: with what was announced. `kept`: if announced losses did not come. `flat`: as `kept`, without growth.
    `present`: as `planned`, with 1 for a month as a customer in place of money.
    """

    planned: Months
    kept: Months
    flat: Months
    present: Months

    def values(
        self, survival: np.ndarray, ends: tuple[int, ...], settings: Value, headline: int
    ) -> dict[str, np.ndarray]:
        """Return the values that Scores holds, by name, without intervals; `survival`: (n, K) at `ends` days."""
        stays, undiscounted = (survival, ends), settings.model_copy(update={"discount_rate": 0.0})
        paid, present = (value_by_months(*stays, plan) for plan in (self.planned, self.present))
        whole = paid[:, -1] + value_beyond(*stays, self.planned, settings)
        clv = paid[:, settings.months - 1]
        kept = value_if_staying(*stays, self.kept.first(settings.months), headline)
        every = present[:, -1] + value_beyond(*stays, self.present, undiscounted)
        return {
            "clv": clv,
            "clv_by_horizon": np.column_stack([*(paid[:, months - 1] for months in HORIZONS), whole]),
            "clv_if_kept": kept,
            "value_at_risk": kept - clv,
            "months_expected": every,
            "months_in_a_year": present[:, 11],
        }

    def interval(
        self, clv: np.ndarray, settings: Value, learned: ValueIntervals
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the 80 % interval of the realised value, (low, high), shape (n,) each, money; `clv`: (n,)."""
        certain = self.flat.first(settings.months).worth.sum(axis=1)
        share = np.divide(clv, certain, out=np.zeros(len(clv)), where=certain > 0)
        low, high = learned.around(share, certain)
        return low * certain, high * certain


def outlook(
    known: Announced, notice_probability: float, growth: Growth, features: np.ndarray, settings: Value
) -> Outlook:
    """Return the outlook of accounts, with growth and what is announced; `features`: encoded, (n, J)."""
    mrr = planned_mrr(known, notice_probability, LONGEST)
    leaves = leaves_on(known)
    factors = growth.factors(features, LONGEST)
    kept = np.maximum(mrr, known.mrr[:, None])
    share = np.divide(mrr, kept, out=np.ones_like(mrr), where=kept > 0)
    present = np.where(known.is_notice[:, None], share, 1.0)
    certain = settings.model_copy(update={"margin": 1.0, "discount_rate": 0.0})
    return Outlook(
        planned=months_ahead(mrr * factors, settings, leaves),
        kept=months_ahead(kept * factors, settings, leaves),  # on the same days, so that it is never worth less
        flat=months_ahead(kept, settings),
        present=months_ahead(present, certain, leaves),
    )
