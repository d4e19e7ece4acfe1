"""Groups of accounts by k-means, their number chosen by bootstrap stability, and refused where none is stable.

Stability is the mean adjusted Rand index between the groups of all accounts and those found in bootstrap samples
(Hubert and Arabie 1985; Hennig 2007). The most stable number of groups is taken, and of several that are as stable the
largest. Groups must also explain more than those of the same measures shuffled independently, which have no groups (as
with the gap statistic; Tibshirani, Walther and Hastie 2001). They are found in the principal
components that several measures share, as many as exceed those of shuffled measures (parallel analysis; Horn 1965).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

NUMBERS = (2, 3, 4, 5, 6)  # of groups
STABLE = 0.8  # mean adjusted Rand index, 0 to 1
AS_STABLE = 0.02  # a smaller difference of stability is none
SMALLEST = 0.05  # share of the accounts
ABOVE_SHUFFLED = 0.02  # share of the variance; so much more than shuffled measures must be explained
SAMPLE = 5_000  # accounts
FEWEST = 100  # accounts
BOOTSTRAPS, SHUFFLES, FITTED_SHUFFLES, STARTS = 10, 20, 2, 3


@dataclass(frozen=True)
class Tried:
    """What was found for one number of groups.

    `stability`: mean adjusted Rand index, 0 to 1. `smallest`: share of the smallest group. `explained` and `shuffled`:
    share of the variance between groups, of the accounts and (the largest) of shuffled measures.
    """

    number: int
    stability: float
    smallest: float
    explained: float
    shuffled: float

    @property
    def is_stable(self) -> bool:
        """Whether these are groups that hold in other samples, are large enough, and are not there by chance."""
        beyond_chance = self.explained >= self.shuffled + ABOVE_SHUFFLED
        return self.stability >= STABLE and self.smallest >= SMALLEST and beyond_chance


@dataclass(frozen=True)
class Groups:
    """Groups of accounts as centres, (k, p), the largest first; None where no number of groups was stable.

    `components`: principal components in which they were sought; with 0, no two measures go together.
    """

    centres: np.ndarray | None
    tried: tuple[Tried, ...]
    components: int = 0

    def of(self, points: np.ndarray) -> np.ndarray:
        """Return the group of each account, whole numbers from 0, (n,): that of the nearest centre."""
        assert self.centres is not None, "there are groups"
        return nearest(points, self.centres)


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the number of the nearest centre of each point, (n,).

    >>> nearest(np.array([[0.0], [0.9]]), np.array([[0.0], [1.0]])).tolist()
    [0, 1]
    """
    return np.asarray(((centres**2).sum(axis=1) - 2 * points @ centres.T).argmin(axis=1))


def find_groups(points: np.ndarray, seed: int = 0) -> Groups:
    """Return the most stable groups of n accounts; `points`: float32, (n, p), standardized.

    At most SAMPLE accounts are looked at. The same points and seed give the same groups.
    """
    random = np.random.default_rng(seed)
    if len(points) > SAMPLE:
        points = points[np.sort(random.choice(len(points), SAMPLE, replace=False))]
    if len(points) < FEWEST:
        return Groups(None, ())
    resamples = [random.integers(0, len(points), len(points)) for _ in range(BOOTSTRAPS)]
    shuffled = [_shuffled(points, random) for _ in range(SHUFFLES)]
    components = shared_components(points, shuffled)
    if not components:
        return Groups(None, ())
    with threadpool_limits(1):  # of so few points, waiting for other threads takes most of the time
        found = {number: _try(points, number, components, resamples, shuffled) for number in NUMBERS}
    tried = tuple(each for _, each in found.values())
    number = most_stable(tried)
    centres = None if number is None else _largest_first(points, found[number][0])
    return Groups(centres, tried, components)


def most_stable(tried: tuple[Tried, ...]) -> int | None:
    """Return the most stable number of groups, the largest of those that are as stable; None where none is stable.

    >>> most_stable((Tried(2, 0.97, 0.4, 0.5, 0.2), Tried(3, 0.96, 0.2, 0.6, 0.3), Tried(4, 0.85, 0.1, 0.7, 0.4)))
    3
    """
    stable = {each.number: each.stability for each in tried if each.is_stable}
    best = max(stable.values(), default=0.0)
    return max((number for number, stability in stable.items() if stability >= best - AS_STABLE), default=None)


def shared_components(points: np.ndarray, shuffled: list[np.ndarray]) -> int:
    """Return how many principal components say more than those of every shuffled copy (parallel analysis).

    They are what several measures share; the others are noise of single measures, which would only blur groups.
    """
    own, by_chance = _variances(points), np.max([_variances(each) for each in shuffled], axis=0)
    beyond = own > by_chance
    return int(len(beyond) if beyond.all() else beyond.argmin())


def _try(
    points: np.ndarray, number: int, components: int, resamples: list[np.ndarray], shuffled: list[np.ndarray]
) -> tuple[np.ndarray, Tried]:
    centres = _fit(points, number, components)
    groups = nearest(points, centres)
    again = [nearest(points, _fit(points[drawn], number, components)) for drawn in resamples]
    by_chance = [_explained(each, _fit(each, number, components)) for each in shuffled[:FITTED_SHUFFLES]]
    return centres, Tried(
        number=number,
        stability=float(np.mean([adjusted_rand_score(groups, each) for each in again])),
        smallest=float(np.bincount(groups, minlength=number).min() / len(points)),
        explained=_explained(points, centres),
        shuffled=max(by_chance),
    )


def _fit(points: np.ndarray, number: int, components: int) -> np.ndarray:
    """Return the centres of so many groups, (number, p), found in the plane of the first principal components."""
    middle = points.mean(axis=0)
    axes = np.linalg.eigh(np.cov(points - middle, rowvar=False))[1][:, -components:]
    plane = np.ascontiguousarray((points - middle) @ axes, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different accounts than groups: some stay empty
        fitted = KMeans(number, n_init=STARTS, random_state=0).fit(plane)
    return np.asarray(middle + fitted.cluster_centers_ @ axes.T)


def _explained(points: np.ndarray, centres: np.ndarray) -> float:
    """Return the share of the variance of all measures that lies between groups, 0 to 1."""
    total = float(((points - points.mean(axis=0)) ** 2).sum())
    groups = nearest(points, centres)
    within = sum(
        float(((mine - mine.mean(axis=0)) ** 2).sum())
        for mine in (points[groups == group] for group in range(len(centres)))
        if len(mine)
    )
    return 1 - within / total if total else 0.0


def _variances(points: np.ndarray) -> np.ndarray:
    """Return the variances along the principal components, the largest first, (p,)."""
    return np.asarray(np.linalg.eigvalsh(np.cov(points, rowvar=False))[::-1])


def _shuffled(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the same measures, each shuffled over the accounts on its own."""
    return np.column_stack([random.permutation(column) for column in points.T])


def _largest_first(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    sizes = np.bincount(nearest(points, centres), minlength=len(centres))
    return centres[np.argsort(-sizes, kind="stable")]
