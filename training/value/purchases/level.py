"""The level model of spend, Pareto/NBD times Gamma-Gamma, and how its total related to a finished horizon."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from undertow.training.value.purchases.gamma_gamma import GammaGamma, fit_gamma_gamma
from undertow.training.value.purchases.history import DAYS_PER_WEEK, PurchaseRecord, Summary, summarise
from undertow.training.value.purchases.pareto_nbd import ParetoNbd, fit_pareto_nbd

YEAR = 364  # days: whole weeks, so that weekdays fall together
LEAST_DAYS = 56  # of history before the day a year earlier
SPREAD = 0.2  # prior standard deviation of the logarithm of a season, against which sampling noise is weighed
OTHER_SEASON = 0.2  # standard deviation of that logarithm between seasons; noise where the horizon is of another season
LEAST_SPEND = 1e-6  # money; a forecast has a logarithm


@dataclass(frozen=True)
class LevelModel:
    """Expected purchases (`purchases`) times expected spend per purchase (`spend`)."""

    purchases: ParetoNbd
    spend: GammaGamma

    def expected(self, of: Summary, days: int) -> np.ndarray:
        """Return the expected spend of the next `days`, (m,), money, above 0."""
        bought = self.purchases.expected_purchases(of, days / DAYS_PER_WEEK)
        return np.asarray(np.maximum(bought * self.spend.expected_spend(of), LEAST_SPEND))

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"purchases": asdict(self.purchases), "spend": asdict(self.spend)}

    @classmethod
    def from_json(cls, read: dict[str, Any]) -> LevelModel:
        """Read it back from what `as_json` returned."""
        return cls(ParetoNbd(**read["purchases"]), GammaGamma(**read["spend"]))


def fit_level(of: Summary) -> LevelModel:
    """Return the model of maximum likelihood; raises ModelRefusal where fewer than 50 customers bought again."""
    return LevelModel(fit_pareto_nbd(of), fit_gamma_gamma(of))


@dataclass(frozen=True)
class SeasonLevel:
    """By what the total of a level forecast is multiplied, and the finished horizon from which that was learned.

    `factor`: above 0, shrunk toward 1. `observed`: realised / forecast in the horizon of `days` from `first`.
    `is_same_season`: whether it began whole years before; else it is the newest finished one.
    """

    factor: float
    observed: float
    first: str
    days: int
    is_same_season: bool


def season_level(record: PurchaseRecord, horizon: int, fallback_days: int) -> SeasonLevel:
    """Return the level of the horizon that begins at the end of `record`.

    It is learned from the horizon that began a year earlier (two, where `horizon` is longer than a year), by a level
    model fitted to what was known then; where the record does not reach back so far, from the newest finished
    horizon, of `fallback_days`.
    """
    earlier = record.until - YEAR * -(-horizon // YEAR)
    is_same_season = bool(earlier - LEAST_DAYS >= record.since)
    first, days = (earlier, horizon) if is_same_season else (record.until - fallback_days, fallback_days)
    known = record.before(first)
    of = summarise(known)
    forecast = fit_level(of).expected(of, days)
    realised = record.spent(known.ids, first, first + days)
    return SeasonLevel(
        shrunk_ratio(realised, forecast, 0.0 if is_same_season else OTHER_SEASON),
        float(realised.sum() / forecast.sum()),
        str(first),
        days,
        is_same_season,
    )


def shrunk_ratio(realised: np.ndarray, forecast: np.ndarray, other: float = 0.0) -> float:
    """Return realised / forecast in total, its logarithm shrunk toward 0 by its noise; (m,) money each.

    The weight of the observed ratio is SPREAD^2 / (SPREAD^2 + noise^2), as for a normal prior (Efron and Morris 1975).
    Noise is that of sampling customers, and `other`, a standard deviation.

    >>> round(shrunk_ratio(np.full(10_000, 1.5), np.ones(10_000)), 3)
    1.5
    >>> round(shrunk_ratio(np.array([6.0, 0.0]), np.ones(2)), 3)
    1.085
    """
    if not realised.sum() > 0:
        return 1.0
    ratio = realised.sum() / forecast.sum()
    noise = ((realised - ratio * forecast) ** 2).sum() / realised.sum() ** 2 + other**2
    return float(ratio ** (SPREAD**2 / (SPREAD**2 + noise)))
