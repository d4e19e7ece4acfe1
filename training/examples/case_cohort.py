"""Case-cohort sampling of snapshots: every one that churn followed, a random part of the others, and their weights.

A weight is 1 / the probability of being drawn, so that weighted sums estimate those of all snapshots without bias
(Horvitz and Thompson 1952; of cases and a part of the others: Prentice 1986). Events, not rows, decide how much can be
learned, so that little is lost.
"""

from __future__ import annotations

import numpy as np


def draw_case_cohort(is_case: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which snapshots are drawn, bool, (n,), and the weight of each, (n,), 0 where it is not drawn.

    `is_case`: bool, (n,): churn within the horizons was observed. At most `most` are drawn, the same ones each time.
    All cases are, unless they take more than half of `most` and the others need the rest: then they are drawn too.
    """
    cases, others = np.flatnonzero(is_case), np.flatnonzero(~is_case)
    of_cases = min(len(cases), max(most // 2, most - len(others)))
    of_others = min(len(others), most - of_cases)
    weight, random = np.zeros(len(is_case)), np.random.default_rng(0)
    for group, size in ((cases, of_cases), (others, of_others)):
        if size:
            weight[random.choice(group, size, replace=False)] = len(group) / size
    return weight > 0, weight


def uniform_part(weight: np.ndarray) -> np.ndarray:
    """Return rows that are like a uniform draw, bool, (n,): each with probability weight / the largest weight.

    For medians, quantiles and bootstraps, which do without weights then. Rows are counted off: the same each time.

    >>> uniform_part(np.array([1.0, 1.0, 2.0, 2.0, 1.0, 1.0])).tolist()
    [False, True, True, True, False, True]
    """
    reached = np.floor(np.cumsum(weight / weight.max()) + 1e-9)
    return np.asarray(np.diff(reached, prepend=0.0) > 0)
