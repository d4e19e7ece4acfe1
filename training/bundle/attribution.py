"""Attributions that add up: TreeSHAP in log-odds, carried to a probability along a straight path.

TreeSHAP gives, for each tree model, F = F0 + sum of contributions (Lundberg et al. 2020). The served number g(F) is
not linear in F. The Aumann-Shapley value integrates the gradient of g along the straight line from F0 to F and gives
each contribution its share; the shares add up to g(F) - g(F0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from undertow.features.catalogue.cards import FAMILIES, Family
from undertow.training.churn import curves
from undertow.training.churn.cause_model import CauseModel

NODES = 8


def along_path(
    baseline: np.ndarray,
    contributions: np.ndarray,
    value: Callable[[np.ndarray], np.ndarray],
    gradient: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Return each feature's share of value(F) - value(F0), shape (n, J).

    `baseline`: F0, shape (K, C). `contributions`: shape (n, J, K, C), F = F0 + their sum over J.
    `value`: (n, K, C) -> (n,). `gradient`: its derivative, (n, K, C) -> (n, K, C).
    The sum over J is exact to rounding: what Gauss-Legendre with 8 nodes leaves of the integral
    (about 1e-9 of the whole) is spread over the features by their size.

    >>> total, slope = lambda F: F.sum(axis=(1, 2)), lambda F: np.ones_like(F)
    >>> parts = np.array([[[[0.3]], [[-0.1]]]])  # two features, one period, one cause
    >>> along_path(np.array([[1.0]]), parts, total, slope).round(6).tolist()  # linear: the contributions themselves
    [[0.3, -0.1]]
    """
    moved = contributions.sum(axis=1)
    points, weights = np.polynomial.legendre.leggauss(NODES)
    mean_gradient = np.zeros_like(moved)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        mean_gradient += weight * gradient(baseline[None] + point * moved)
    shares = np.einsum("njkc,nkc->nj", contributions, mean_gradient)
    start = value(np.broadcast_to(baseline[None], moved.shape))
    return _complete(shares, value(baseline[None] + moved) - start)


def _complete(shares: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Spread the difference to `total` over the shares in proportion to their size."""
    missing = total - shares.sum(axis=1)
    size = np.abs(shares)
    whole = size.sum(axis=1, keepdims=True)
    return shares + missing[:, None] * np.divide(size, whole, out=np.zeros_like(size), where=whole > 0)


def by_group(shares: np.ndarray, groups: tuple[str, ...], order: tuple[str, ...]) -> np.ndarray:
    """Return the shares, shape (n, J), summed per group, shape (n, len(order))."""
    summed = np.zeros((len(shares), len(order)))
    for position, group in enumerate(groups):
        summed[:, order.index(group)] += shares[:, position]
    return summed


def member_contributions(
    causes: Sequence[CauseModel], matrix: np.ndarray, baseline: np.ndarray, period_column: int
) -> np.ndarray:
    """Return the contributions of each member of the bag, shape (members, n, J, K, C), in log-odds around `baseline`.

    `matrix`: n * K person-period rows of J columns. `baseline`: shape (K, C), log-odds of a typical account.
    TreeSHAP's own base value is moved to the typical account of the period: the difference is what the
    calendar contributes on average, and is taken out of the column `period_column`.
    """
    periods = len(baseline)
    n, width = len(matrix) // periods, matrix.shape[1]
    size = max(1, *(len(model.boosters) for model in causes))
    members = np.zeros((size, n, width, periods, len(causes)))
    for c, model in enumerate(causes):
        for m, booster in enumerate(model.boosters):
            shap = model.tree_shap(booster, matrix, periods)
            members[m, :, :, :, c] = shap[:, :, :-1].transpose(0, 2, 1)
            members[m, :, period_column, :, c] += shap[:, :, -1] - baseline[None, :, c]
    return members


def first_families(
    members: np.ndarray, baseline: np.ndarray, families: tuple[Family, ...], by_notice: np.ndarray
) -> np.ndarray:
    """Return the family that raises the probability most, as index in FAMILIES, shape (n, members of the bag).

    `families`: the family of each of the J columns. `by_notice`: (n,), what a notice adds to billing. Profile is
    never first.
    """
    firsts = []
    for member in members:
        shares = along_path(baseline, member, curves.probability, curves.probability_gradient)
        grouped = by_group(shares, families, FAMILIES)
        grouped[:, FAMILIES.index("billing")] += by_notice
        grouped[:, FAMILIES.index("profile")] = -np.inf
        firsts.append(grouped.argmax(axis=1))
    return np.stack(firsts, axis=1)
