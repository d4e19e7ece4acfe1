"""The Pareto/NBD model of purchases: expected purchases and P(alive) of customers who may leave at any time.

Schmittlein, Morrison and Colombo (1987), Counting Your Customers, Management Science 33(1): while alive, a customer
buys at a rate that is Gamma(r, alpha) over customers, and stays for a time whose hazard is Gamma(s, beta) over
customers. Formulas as in Fader and Hardie (2005), A Note on Deriving the Pareto/NBD Model and Related Expressions.
Times are in weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, hyp2f1

from undertow.training.value.purchases.history import Summary
from undertow.training.value.purchases.maximum_likelihood import group_equal, maximise, refuse_few_repeats

STARTS = ((1.0, 10.0, 1.0, 10.0), (0.5, 5.0, 0.3, 3.0), (2.0, 30.0, 0.5, 50.0))


@dataclass(frozen=True)
class ParetoNbd:
    """Parameters: rates of purchase are Gamma(shape `r`, rate `alpha`), hazards Gamma(`s`, `beta`); weeks."""

    r: float
    alpha: float
    s: float
    beta: float

    def expected_purchases(self, of: Summary, weeks: float) -> np.ndarray:
        """Return the expected number of purchases in the next `weeks`, (n,) (Fader and Hardie 2005, equation 41).

        >>> model = ParetoNbd(0.553, 10.578, 0.606, 11.669)
        >>> one = Summary(np.array([2.0]), np.array([30.43]), np.array([38.86]), np.zeros(1), np.zeros(1))
        >>> model.expected_purchases(one, 39.0).round(3).tolist()
        [1.206]
        """
        x, beyond = of.frequency, self.beta + of.age
        rate = (self.r + x) / (self.alpha + of.age)
        log_share = np.log(beyond / (beyond + weeks))
        d = self.s - 1.0  # the lifetime's integral is beyond * (1 - share^d) / d, and its limit is a logarithm at d = 0
        lifetime = -np.expm1(d * log_share) / d if abs(d) > 1e-9 else -log_share
        return np.asarray(self.alive(of) * rate * beyond * lifetime)

    def alive(self, of: Summary) -> np.ndarray:
        """Return the probability that each customer is still alive, (n,) (Fader and Hardie 2005, equation 36)."""
        stays, left = _log_parts(self, of.frequency, of.recency, of.age)
        return np.asarray(1.0 / (1.0 + np.exp(np.minimum(left - stays, 700.0))))


def log_likelihood(model: ParetoNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each history, (n,) (Fader and Hardie 2005, equation 18).

    `frequency`: repeat purchases; `recency`, `age`: weeks.
    """
    x, r, alpha, s, beta = frequency, model.r, model.alpha, model.s, model.beta
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return np.asarray(rate + np.logaddexp(*_log_parts(model, frequency, recency, age)))


def fit_pareto_nbd(of: Summary) -> ParetoNbd:
    """Return the model of maximum likelihood; raises ModelRefusal where fewer than 50 customers bought again."""
    refuse_few_repeats(of.frequency)
    histories, customers = group_equal(of.frequency, of.recency, of.age)
    best = maximise(lambda parameters: log_likelihood(ParetoNbd(*parameters), *histories), customers, STARTS)
    return ParetoNbd(*best.tolist())


def _log_parts(
    model: ParetoNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of the two terms of the likelihood, (n,) each: alive at as_of, and left before.

    The second is the integral over the day of leaving, from the last purchase to as_of, of
    s (alpha + y)^-(r + x) (beta + y)^-(s + 1) dy.
    """
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    shape = r + frequency
    stays = -shape * np.log(alpha + age) - s * np.log(beta + age)
    from_last, from_now = (_log_tail(model, shape, since) for since in (recency, age))
    with np.errstate(divide="ignore"):
        left = from_last + np.log(-np.expm1(np.minimum(from_now - from_last, 0.0)))
    return stays, left


def _log_tail(model: ParetoNbd, shape: np.ndarray, since: np.ndarray) -> np.ndarray:
    """Return the logarithm of that integral from `since` to infinity, (n,).

    By Gauss's 2F1(a, b; a + 1; z), of which Euler's transformation leaves a series of positive terms: with m the larger
    of alpha and beta, z = |alpha - beta| / (m + since) lies in [0, 1).
    """
    r_x, s, k = shape, model.s, shape + model.s
    larger = max(model.alpha, model.beta)
    z = abs(model.alpha - model.beta) / (larger + since)
    b = s + 1.0 if model.alpha >= model.beta else r_x
    series = hyp2f1(1.0, k + 1.0 - b, k + 1.0, z)
    return np.asarray(np.log(s / k) - k * np.log(larger + since) + (1.0 - b) * np.log1p(-z) + np.log(series))
