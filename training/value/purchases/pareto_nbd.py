"""The Pareto/NBD model of purchases: expected purchases and P(alive) of customers who may leave at any time.

Schmittlein, Morrison and Colombo (1987), Counting Your Customers, Management Science 33(1): while alive, a customer
buys at a rate that is Gamma(r, alpha) over customers, and stays for a time whose hazard is Gamma(s, beta) over
customers. Formulas as in Fader and Hardie (2005), A Note on Deriving the Pareto/NBD Model and Related Expressions.
Times are in weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from undertow.training.value.purchases.history import Summary
from undertow.training.value.purchases.maximum_likelihood import group_equal, maximise, refuse_few_repeats

STARTS = ((1.0, 10.0, 1.0, 10.0), (0.5, 5.0, 0.3, 50.0))
NODES = 32  # of Gauss-Legendre quadrature
NEGLIGIBLE = 40.0  # in logarithms: where the integrand has fallen by that, the integral ends


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
        [1.455]
        """
        x, beyond = of.frequency, self.beta + of.age
        rate = (self.r + x) / (self.alpha + of.age)
        log_share = np.log(beyond / (beyond + weeks))
        d = self.s - 1.0  # the lifetime's integral is beyond * (1 - share^d) / d, and its limit is a logarithm at d = 0
        lifetime = -np.expm1(d * log_share) / d if abs(d) > 1e-9 else -log_share
        return np.asarray(self.alive(of) * rate * beyond * lifetime)

    def alive(self, of: Summary) -> np.ndarray:
        """Return the probability that each customer is alive, (n,) (Fader and Hardie 2005, equations 36 and 37)."""
        stays, left = _log_parts(self, of.frequency, of.recency, of.age)
        return np.asarray(1.0 / (1.0 + np.exp(np.minimum(left - stays, 700.0))))


def log_likelihood(model: ParetoNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of each history, (n,) (Fader and Hardie 2005, equation 18).

    `frequency`: repeat purchases; `recency`, `age`: weeks.
    """
    x, r, alpha, s, beta = frequency, model.r, model.alpha, model.s, model.beta
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return np.asarray(rate + np.logaddexp(*_log_parts(model, frequency, recency, age)))


def gradient(model: ParetoNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return the derivatives of the log-likelihood by r, alpha, s and beta, (4, n)."""
    x, r, alpha, s, beta = frequency, model.r, model.alpha, model.s, model.beta
    y, logs = _integrand(model, x, recency, age)
    stays, left = _log_parts(model, x, recency, age)
    total = np.logaddexp(stays, left)
    now, before = np.exp(stays - total), np.exp(logs - total[:, None])  # (n,), (n, NODES): when the customer left

    def mean(of_age: np.ndarray, of_y: np.ndarray) -> np.ndarray:
        return np.asarray(now * of_age + (before * of_y).sum(axis=1))

    by_s = -mean(np.log(beta + age), np.log(beta + y)) + before.sum(axis=1) / s + np.log(beta)
    by_beta = s / beta - mean(s / (beta + age), (s + 1.0) / (beta + y))
    by_r = digamma(r + x) - digamma(r) + np.log(alpha) - mean(np.log(alpha + age), np.log(alpha + y))
    by_alpha = r / alpha - (r + x) * mean(1.0 / (alpha + age), 1.0 / (alpha + y))
    return np.stack([by_r, by_alpha, by_s, by_beta])


def fit_pareto_nbd(of: Summary) -> ParetoNbd:
    """Return the model of maximum likelihood; raises ModelRefusal where fewer than 50 customers bought again."""
    refuse_few_repeats(of.frequency)
    histories, customers = group_equal(of.frequency, of.recency, of.age)
    best = maximise(
        lambda parameters: log_likelihood(ParetoNbd(*parameters), *histories), customers, STARTS,
        lambda parameters: gradient(ParetoNbd(*parameters), *histories),
    )  # fmt: skip
    return ParetoNbd(*best.tolist())


def _log_parts(
    model: ParetoNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of the two terms of the likelihood, (n,) each: alive at as_of, and left before."""
    stays = -(model.r + frequency) * np.log(model.alpha + age) - model.s * np.log(model.beta + age)
    logs = _integrand(model, frequency, recency, age)[1]
    largest = logs.max(axis=1)
    safe = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return stays, safe + np.log(np.exp(logs - safe[:, None]).sum(axis=1))


def _integrand(
    model: ParetoNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return times y of leaving, (n, NODES), and the logarithms of what each adds to the second term.

    That is the integral, from the last purchase to as_of, of s (alpha + y)^-(r + x) (beta + y)^-(s + 1) dy, by
    Gauss-Legendre quadrature over log(m + y), with m the smaller of alpha and beta: it needs no case distinction and
    no hypergeometric function, whose series is slow where alpha and beta are far apart.
    """
    r_x, alpha, s, beta = model.r + frequency, model.alpha, model.s, model.beta
    base = min(alpha, beta) + recency
    fall = base * (r_x / (alpha + recency) + (s + 1.0) / (beta + recency)) - 1.0  # of the logarithm, at the start
    reach = np.log1p((age - recency) / base)
    reach = np.where(fall * reach > NEGLIGIBLE, NEGLIGIBLE / np.maximum(fall, 1e-9), reach)
    u = reach[:, None] * _POINTS
    y = recency[:, None] + base[:, None] * np.expm1(u)
    with np.errstate(divide="ignore"):  # nobody leaves between a purchase on the last day and as_of
        weight = np.log(s) + np.log(base * reach)[:, None] + np.log(_WEIGHTS) + u
    return y, weight - r_x[:, None] * np.log(alpha + y) - (s + 1.0) * np.log(beta + y)


_POINTS, _WEIGHTS = (np.polynomial.legendre.leggauss(NODES) + np.array([[1.0], [0.0]])) / 2.0  # on [0, 1]
