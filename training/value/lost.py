"""Value at risk: what an account would be worth if it stayed through the headline horizon, less what it is worth.

It is the money that leaving within that horizon costs, over the months of the CLV: what a contact today can save. As a
function of the log-odds of those days it has a gradient, so that it is attributed like the probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from undertow.training.churn.curves import hazards
from undertow.training.value.subscription import LEAST, Months, elapsed, survival_after, survival_at


@dataclass(frozen=True)
class LostValue:
    """Value lost to leaving within the last of `ends` days, as a function of the log-odds of the periods up to it.

    `within`: the months in the horizon. `after`: (n,), the value at the end of the horizon of accounts that are
    customers then.
    """

    ends: tuple[int, ...]
    within: Months
    after: np.ndarray

    def value(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the value lost, shape (n,), money; `log_odds`: (n, K, C)."""
        stays = np.cumprod(1.0 - hazards(log_odds).sum(axis=2), axis=1)
        lost = (self.within.worth * (1.0 - survival_after(stays, self._passed))).sum(axis=1)
        return np.asarray(lost + self.after * (1.0 - stays[:, -1]))

    def gradient(self, log_odds: np.ndarray) -> np.ndarray:
        """Return the derivative of `value` with respect to each log-odds, shape (..., n, K, C), as they have."""
        each = hazards(log_odds)
        staying = np.maximum(1.0 - each.sum(axis=-1), 1e-12)
        stays = np.cumprod(staying, axis=-1)
        at_days = self.within.worth * survival_after(stays, self._passed)
        money = np.einsum("...nm,nmk->...nk", at_days, self._passed) + (self.after * stays[..., -1])[..., None]
        return np.asarray((money / staying)[..., None] * each * (1.0 - each))

    @cached_property
    def _passed(self) -> np.ndarray:
        """Return the share of each period that has passed on each day, shape (n, M, K)."""
        return elapsed(self.ends, self.within.days)


def lost_value(survival: np.ndarray, ends: tuple[int, ...], months: Months, headline: int) -> LostValue:
    """Return the value lost to leaving within `headline` days, one of `ends`; after it, accounts leave as forecast."""
    periods = ends.index(headline) + 1
    is_within = months.days < headline
    worth = np.where(is_within, months.worth, 0.0)
    stays = survival_at(survival, ends, months.days) / np.maximum(survival[:, [periods - 1]], LEAST)
    after = np.where(is_within, 0.0, months.worth * stays).sum(axis=1)
    return LostValue(ends[:periods], Months(worth, np.where(is_within, months.days, 0.0)), after)
