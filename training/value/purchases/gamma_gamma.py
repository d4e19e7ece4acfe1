"""The Gamma-Gamma model of spend per purchase: what a customer's next purchases are worth, given those so far.

Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value: purchases of a customer are Gamma(p, nu), and nu is
Gamma(q, gamma) over customers. It takes spend and the number of purchases as independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from undertow.features.errors import ModelRefusal
from undertow.training.value.purchases.history import Summary
from undertow.training.value.purchases.maximum_likelihood import group_equal, maximise, refuse_few_repeats

STARTS = ((1.0, 2.0, 1.0), (6.0, 4.0, 1.0), (2.0, 3.0, 3.0))  # the last in units of the mean spend


@dataclass(frozen=True)
class GammaGamma:
    """Parameters: spend is Gamma(shape `p`, rate nu), nu is Gamma(shape `q`, rate `gamma` in money)."""

    p: float
    q: float
    gamma: float

    def expected_spend(self, of: Summary) -> np.ndarray:
        """Return the expected spend of a coming purchase, (n,), money (equation 5).

        A weighted mean of what the customer spent and of what all do; `q` is above 1.

        >>> model = GammaGamma(6.25, 3.74, 15.44)
        >>> one = Summary(np.array([2.0]), np.zeros(1), np.ones(1), np.array([22.35]), np.array([29.33]))
        >>> model.expected_spend(one).round(2).tolist()
        [24.66]
        """
        x = of.frequency
        return np.asarray(self.p * (self.gamma + x * of.spend) / (self.p * x + self.q - 1.0))


def log_likelihood(model: GammaGamma, frequency: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of the mean spend of each customer, (n,) (Fader and Hardie 2013, equation 1a).

    `frequency`: repeat purchases, above 0; `spend`: money per repeat purchase, above 0.
    """
    x, z, p, q, gamma = frequency, spend, model.p, model.q, model.gamma
    return np.asarray(
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
        + q * np.log(gamma) + (p * x - 1.0) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * z)
    )  # fmt: skip


def fit_gamma_gamma(of: Summary) -> GammaGamma:
    """Return the model of maximum likelihood, of customers with a repeat purchase.

    Raises ModelRefusal where fewer than 50 bought again, or where mean spend has no finite mean over customers.
    """
    refuse_few_repeats(of.frequency)
    again = of.frequency > 0
    scale = float(of.spend[again].mean())
    (frequency, spend), customers = group_equal(of.frequency[again], of.spend[again] / scale)
    best = maximise(lambda each: log_likelihood(GammaGamma(*each), frequency, spend), customers, STARTS)
    if not best[1] > 1.0:
        raise ModelRefusal(
            f"Mean spend has no finite mean over customers (Gamma-Gamma q = {best[1]:.2f}, expected above 1). "
            "Look for amounts that are wrong by a factor, or in several currencies."
        )
    return GammaGamma(float(best[0]), float(best[1]), float(best[2]) * scale)
