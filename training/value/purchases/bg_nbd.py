"""The BG/NBD model of purchases: expected purchases and P(alive) of customers who may leave after each purchase.

Fader, Hardie and Lee (2005a), "Counting Your Customers" the Easy Way, Marketing Science 24(2): while alive, a customer
buys at a rate that is Gamma(r, alpha) over customers, and leaves after each purchase with a probability that is
Beta(a, b) over customers. Times are in weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln, hyp2f1

from undertow.training.value.purchases.history import Summary
from undertow.training.value.purchases.maximum_likelihood import group_equal, maximise, refuse_few_repeats

STARTS = ((1.0, 10.0, 1.0, 1.0), (0.3, 3.0, 0.5, 3.0), (2.0, 30.0, 0.2, 1.0))


@dataclass(frozen=True)
class BgNbd:
    """Parameters: purchase rates are Gamma(shape `r`, rate `alpha` in weeks), leaving is Beta(`a`, `b`)."""

    r: float
    alpha: float
    a: float
    b: float

    def expected_purchases(self, of: Summary, weeks: float) -> np.ndarray:
        """Return the expected number of purchases in the next `weeks`, (n,) (equation 10).

        >>> model = BgNbd(0.243, 4.414, 0.793, 2.426)
        >>> one = Summary(np.array([2.0]), np.array([30.43]), np.array([38.86]), np.zeros(1), np.zeros(1))
        >>> model.expected_purchases(one, 39.0).round(3).tolist()
        [1.226]
        """
        x, r, alpha, a, b = of.frequency, self.r, self.alpha, self.a, self.b
        beyond = alpha + of.age
        share = beyond / (beyond + weeks)
        c = a + b + x - 1.0
        series = _hyp2f1(r + x, b + x, c, weeks / (beyond + weeks))
        return np.asarray(c / (a - 1.0) * (1.0 - share ** (r + x) * series) * self.alive(of))

    def alive(self, of: Summary) -> np.ndarray:
        """Return the probability that each customer is still alive, (n,) (Fader, Hardie and Lee 2008, equation 7)."""
        x = of.frequency
        odds = np.log(self.a) - np.log(self.b + np.maximum(x, 1.0) - 1.0)
        odds = odds + (self.r + x) * (np.log(self.alpha + of.age) - np.log(self.alpha + of.recency))
        return np.where(x > 0, 1.0 / (1.0 + np.exp(np.minimum(odds, 700.0))), 1.0)


def log_likelihood(model: BgNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each history, (n,) (Fader, Hardie and Lee 2005a, equation 6).

    `frequency`: repeat purchases; `recency`, `age`: weeks.
    """
    x, r, alpha, a, b = frequency, model.r, model.alpha, model.a, model.b
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stays = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1.0, b + np.maximum(x, 1.0) - 1.0) - betaln(a, b) - (r + x) * np.log(alpha + recency)
    return np.asarray(rate + np.where(x > 0, np.logaddexp(stays, left), stays))


def fit_bg_nbd(of: Summary) -> BgNbd:
    """Return the model of maximum likelihood; raises ModelRefusal where fewer than 50 customers bought again."""
    refuse_few_repeats(of.frequency)
    histories, customers = group_equal(of.frequency, of.recency, of.age)
    best = maximise(lambda parameters: log_likelihood(BgNbd(*parameters), *histories), customers, STARTS)
    return BgNbd(*best.tolist())


def _hyp2f1(a: np.ndarray, b: np.ndarray, c: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return Gauss's 2F1 for 0 <= z < 1, by Euler's transformation where that is the smaller of both series."""
    swap = c - a - b < 0
    plain = hyp2f1(np.where(swap, c - a, a), np.where(swap, c - b, b), c, z)
    return np.asarray(np.where(swap, (1.0 - z) ** (c - a - b), 1.0) * plain)
