"""From hazards to survival and cumulative incidence by cause, and their gradients.

F: log-odds of leaving, shape (n, K, C), per account, period and cause (voluntary, involuntary). h = sigmoid(F) is the
cause-specific hazard of the period; S_k = prod_{j<=k} (1 - sum_c h_jc) is survival; the cumulative incidence of cause
c is CIF_c(k) = sum_{j<=k} S_{j-1} h_jc (Kalbfleisch and Prentice 2002, section 8.2, in discrete time). It is monotone
in k by construction.

Any axes may stand before these three, such as the points of a path between two states of all accounts.

Where nobody cancels, h is the probability of staying away through the period, given absence until then, and an account
has left within a horizon if it stayed away through all of it: P_k = prod_{j<=k} h_j, which falls with the horizon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

CERTAIN = 1.0 - 1e-9


def hazards(log_odds: np.ndarray) -> np.ndarray:
    """Return the hazards, shape (n, K, C), from 0 to 1; where the causes add up to more than 1 they are scaled to 1."""
    each = expit(log_odds)
    total = each.sum(axis=-1, keepdims=True)
    return each * np.minimum(1.0, CERTAIN / np.maximum(total, 1e-300))


def survival(log_odds: np.ndarray) -> np.ndarray:
    """Return P(still a customer at the end of each period), shape (n, K).

    >>> half = np.zeros((1, 2, 1))  # log-odds 0: a hazard of 0.5 in each of two periods, one cause
    >>> survival(half).tolist()
    [[0.5, 0.25]]
    """
    return np.cumprod(1.0 - hazards(log_odds).sum(axis=-1), axis=-1)


def incidence(log_odds: np.ndarray) -> np.ndarray:
    """Return P(left by the end of each period, for this cause), shape (n, K, C).

    >>> quarter = np.full((1, 2, 2), -np.log(3.0))  # a hazard of 0.25 per cause and period
    >>> incidence(quarter).round(6).tolist()  # 0.25, then 0.25 + 0.5 x 0.25
    [[[0.25, 0.25], [0.375, 0.375]]]
    """
    each = hazards(log_odds)
    stays = np.cumprod(1.0 - each.sum(axis=-1), axis=-1)
    at_start = np.concatenate([np.ones_like(stays[..., :1]), stays[..., :-1]], axis=-1)
    return np.cumsum(at_start[..., None] * each, axis=-2)


def probability_gradient(log_odds: np.ndarray) -> np.ndarray:
    """Return the derivative of P(left by the end of the last period) with respect to each log-odds, shape (n, K, C)."""
    each = hazards(log_odds)
    stays = 1.0 - each.sum(axis=-1)
    last = np.prod(stays, axis=-1)
    moves = stays > 2 * (1.0 - CERTAIN)  # where hazards are scaled, their sum no longer moves
    return (last[..., None] / stays * moves)[..., None] * each * (1.0 - each)


def absence(log_odds: np.ndarray) -> np.ndarray:
    """Return P(away through all periods up to each end, for this cause), shape (n, K, C); all of it is of one cause.

    >>> absence(np.zeros((1, 2, 1))).tolist()  # away through a period with probability 0.5
    [[[0.5], [0.25]]]
    """
    by_cause = np.zeros(log_odds.shape)
    by_cause[..., 0] = np.cumprod(expit(log_odds[..., 0]), axis=-1)
    return by_cause


def absence_gradient(log_odds: np.ndarray) -> np.ndarray:
    """Return the derivative of `absence` at the last end with respect to each log-odds, shape (n, K, C)."""
    gradient = np.zeros(log_odds.shape)
    gradient[..., 0] = absence(log_odds)[..., -1, [0]] * expit(-log_odds[..., 0])
    return gradient


@dataclass(frozen=True)
class Curve:
    """How log-odds, (n, K, C), become the probability of having left.

    `by_cause`: -> (n, K, C), P(left within each horizon). `gradient`: -> (n, K, C), of P at the last horizon.
    """

    by_cause: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray], np.ndarray]

    def by_horizon(self, log_odds: np.ndarray) -> np.ndarray:
        """Return P(left within each horizon), shape (n, K)."""
        return np.asarray(self.by_cause(log_odds).sum(axis=-1))

    def probability(self, log_odds: np.ndarray) -> np.ndarray:
        """Return P(left within the last horizon), shape (n,)."""
        return self.by_horizon(log_odds)[..., -1]


LEAVING = Curve(incidence, probability_gradient)
ABSENCE = Curve(absence, absence_gradient)


def curve_of(kind: str) -> Curve:
    """Return the curve of a kind of churn, "subscription" or "inactivity"."""
    return ABSENCE if kind == "inactivity" else LEAVING
