"""Churn probabilities of accounts that have given notice: what is known replaces what was forecast."""

from __future__ import annotations

import numpy as np

from undertow.features.catalogue.cards import Family
from undertow.training.churn.curves import CERTAIN
from undertow.training.examples.announced import Announced

NOTICE: tuple[str, Family, str] = ("notice", "billing", "Notice given: all of the account's MRR is announced to end")


def raised_by_notice(
    probability: np.ndarray, known: Announced, notice_probability: float, ends: tuple[int, ...]
) -> np.ndarray:
    """Return the probabilities, shape (n, H), raised to `notice_probability` after the last announced end.

    `probability`: P(churn before each of `ends` days) as forecast. Horizons up to the announced end keep it, and so
    does every account that has not given notice.

    >>> none, day = np.zeros(1), np.array([45.0])
    >>> gave_notice = Announced(np.array([100.0]), np.array([100.0]), none, none, day, day, day, day)
    >>> raised_by_notice(np.array([[0.1, 0.2, 0.3]]), gave_notice, 0.9, (30, 60, 90)).tolist()
    [[0.1, 0.9, 0.9]]
    """
    is_after = known.is_notice[:, None] & (np.array(ends)[None, :] > known.last_end[:, None])
    return np.maximum(probability, np.where(is_after, min(notice_probability, CERTAIN), 0.0))


def causes_with_notice(by_cause: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the probabilities by cause, shape (n, H, 2), that add up to the raised `probability`, shape (n, H).

    `by_cause`: as forecast, voluntary first. What a notice adds is voluntary; what it adds to one horizon is taken
    from the increases after it, of both causes alike, so that each cause only rises with the horizon.
    """
    forecast = np.diff(by_cause, axis=1, prepend=0.0)
    total = forecast.sum(axis=2)
    served = np.diff(probability, axis=1, prepend=0.0)
    share = np.divide(np.minimum(served, total), total, out=np.zeros_like(total), where=total > 0)
    steps = forecast * share[:, :, None]
    steps[:, :, 0] += np.maximum(served - total, 0.0)
    return np.asarray(np.cumsum(steps, axis=1))
