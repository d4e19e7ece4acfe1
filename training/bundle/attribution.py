"""Attributions that add up: contributions in log-odds, carried to a probability along a straight path.

The log-odds of an account are those of accounts in the same contract position plus one contribution per column:
F = F_like + sum of contributions. The served number g(F) is not linear in F. The Aumann-Shapley value integrates the
gradient of g along the straight line from F_like to F and gives each contribution its share; the shares add up to
g(F) - g(F_like).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from undertow.features.catalogue.cards import REASON_FAMILIES, Family
from undertow.training.churn.cause_model import CauseModel
from undertow.training.examples.person_periods import PeriodInputs

NODES = 8


def along_path(
    baseline: np.ndarray,
    contributions: np.ndarray,
    value: Callable[[np.ndarray], np.ndarray],
    gradient: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return each contribution's share of value(F) - value(F0), shape (n, J).

    `baseline`: F0, shape (n, K, C). `contributions`: shape (n, J, K, C), F = F0 + their sum over J.
    `value`: (n, K, C) -> (n,). `gradient`: its derivative at several points of all accounts, of their shape.
    The sum over J is exact to rounding: what Gauss-Legendre with 8 nodes leaves of the integral
    (about 1e-9 of the whole) is spread over the contributions by their size.

    >>> total, slope = lambda F: F.sum(axis=(1, 2)), lambda F: np.ones_like(F)
    >>> parts = np.array([[[[0.3]], [[-0.1]]]])  # one account, two features, one period, one cause
    >>> along_path(np.array([[[1.0]]]), parts, total, slope).round(6).tolist()  # linear: the contributions themselves
    [[0.3, -0.1]]
    """
    moved = contributions.sum(axis=1)
    points, weights = _nodes()
    along = gradient(baseline + points[:, None, None, None] * moved)
    mean_gradient = (weights[:, None, None, None] * along).sum(axis=0)
    shares = np.einsum("njkc,nkc->nj", contributions, mean_gradient)
    return _complete(shares, value(baseline + moved) - value(baseline))


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Return the points between 0 and 1, and their weights, of Gauss-Legendre; shape (NODES,) each."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    return (points + 1) / 2, weights / 2


def _complete(shares: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Spread the difference to `total` over the shares in proportion to their size."""
    missing = total - shares.sum(axis=1)
    size = np.abs(shares)
    whole = size.sum(axis=1, keepdims=True)
    return shares + missing[:, None] * np.divide(size, whole, out=np.zeros_like(size), where=whole > 0)


def by_group(shares: np.ndarray, groups: tuple[str, ...], order: tuple[str, ...]) -> np.ndarray:
    """Return the shares, shape (n, J), summed per group, shape (n, len(order))."""
    return np.asarray((shares[:, :, None] * _membership(groups, order)).sum(axis=1))  # for any number of rows alike


@cache
def _membership(groups: tuple[str, ...], order: tuple[str, ...]) -> np.ndarray:
    """Return 1 where a share is of a group, else 0, shape (len(groups), len(order))."""
    return np.array([[float(group == each) for each in order] for group in groups]).reshape(len(groups), len(order))


def used_columns(causes: Sequence[CauseModel], families: Sequence[Family]) -> tuple[int, ...]:
    """Return the numbers of the columns that add to the log-odds and whose family can be a reason."""
    read = {number for model in causes for number in model.columns}
    return tuple(number for number in sorted(read) if families[number] in REASON_FAMILIES)


def contributions_of(causes: Sequence[CauseModel], used: tuple[int, ...], inputs: PeriodInputs) -> np.ndarray:
    """Return the contributions of the used columns in log-odds, shape (n, U, K, C)."""
    return np.stack([model.contributions(inputs)[:, used] for model in causes], axis=3)
