"""The MRR of each coming month by what has been announced: ends, downgrades, upgrades and pauses."""

from __future__ import annotations

import numpy as np

from undertow.training.examples.announced import Announced
from undertow.training.examples.person_periods import DAYS_A_MONTH


def planned_mrr(known: Announced, notice_probability: float, months: int) -> np.ndarray:
    """Return the mean MRR of each month, shape (n, months), if nothing happens but what is announced.

    A month counts by the share of it in which MRR is paid. Where the ends lie on several days, the middle between
    the first and the last stands for all. A notice is followed with `notice_probability`; any other change is sure.

    >>> none, never, day = np.zeros(1), np.full(1, np.nan), np.array([DAYS_A_MONTH / 4])
    >>> halved = Announced(np.array([100.0]), np.array([50.0]), none, none, day, day, never, never)
    >>> planned_mrr(halved, 1.0, 2).tolist()  # 100 for a quarter of the first month, then 50
    [[62.5, 50.0]]
    """
    edges = np.arange(months + 1) * DAYS_A_MONTH
    sure = np.where(known.is_notice, notice_probability, 1.0)
    changes = (
        ((known.first_end + known.last_end) / 2, -sure * known.ending),
        (known.pause, -sure * known.pausing),
        (known.start, sure * known.starting),
    )
    days = [np.nan_to_num(np.clip(day, 0, edges[-1]), nan=edges[-1]) for day, _ in changes]
    cuts = np.sort(np.stack([*days, *(np.full(len(known.mrr), edge) for edge in edges)], axis=1), axis=1)
    starts, lasts = cuts[:, :-1], np.diff(cuts, axis=1)
    level = np.repeat(known.mrr[:, None], starts.shape[1], axis=1)
    for day, (_, change) in zip(days, changes, strict=True):
        level += np.where(starts >= day[:, None], change[:, None], 0.0)
    paid = np.maximum(level, 0.0) * lasts / DAYS_A_MONTH
    month = np.minimum(np.searchsorted(edges, starts, side="right") - 1, months - 1)  # at the last edge nothing is paid
    total = np.zeros((len(paid), months))
    np.add.at(total, (np.arange(len(paid))[:, None], month), paid)
    return total


def leaves_on(known: Announced) -> np.ndarray:
    """Return the day, shape (n,), on which the last MRR of an account that gave notice ends; NaN for any other."""
    return np.where(known.is_notice, known.last_end, np.nan)
