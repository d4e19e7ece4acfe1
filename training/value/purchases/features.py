"""Features of purchase histories as of a day: recency, frequency, regularity of gaps, basket and trend."""

from __future__ import annotations

import numpy as np

from undertow.training.value.purchases.history import DAYS_PER_WEEK, Purchases, Summary

WINDOWS = (28, 91, 182)  # days before as_of
NAMES = (
    "purchases", "weeks_first_to_last", "weeks_since_first", "weeks_since_last", "weeks_per_gap", "gap_variation",
    "gaps_since_last", "spend_per_purchase", "spend_variation", "first_spend_share", "last_spend_share",
    *(f"{name}_{days}" for days in WINDOWS for name in ("purchases", "spend")), "purchases_trend_91",
)  # fmt: skip


def purchase_features(known: Purchases, of: Summary) -> np.ndarray:
    """Return the features NAMES of the m customers of `known`, (m, len(NAMES)); NaN where there is none.

    `of`: their summary. Weeks, money and numbers of purchases. `gap_variation` and `spend_variation`: standard
    deviation over mean. `gaps_since_last`: weeks since the last purchase over the mean gap. `..._spend_share`: of the
    first and the last purchase over the mean. `..._28`: in the 28 days before as_of. `purchases_trend_91`: in the last
    91 days less the 91 before.
    """
    count = known.counts.astype(float)
    mean = np.bincount(known.customer, known.spend, len(count)) / count
    gap = np.divide(of.recency, of.frequency, out=np.full(len(count), np.nan), where=of.frequency > 0)
    since_last = of.age - of.recency
    back = (known.as_of - known.day).astype(float)
    recent = [each for days in WINDOWS for each in _within(known, back <= days)]
    before = _within(known, (back > 91) & (back <= 182))[0]
    columns = [
        count, of.recency, of.age, since_last, gap, _gap_variation(known, gap),
        since_last / np.maximum(gap, 1 / DAYS_PER_WEEK), mean, _spend_variation(known, mean),
        of.first_spend / mean, known.spend[known.last_row] / mean, *recent, recent[2] - before,
    ]  # fmt: skip
    return np.stack(columns, axis=1)


def _within(known: Purchases, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the purchases and the spend of each customer in these rows, (m,) each."""
    customer, size = known.customer[rows], len(known.ids)
    return np.bincount(customer, minlength=size).astype(float), np.bincount(customer, known.spend[rows], size)


def _gap_variation(known: Purchases, gap: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the weeks between purchases over their mean; NaN below two gaps."""
    weeks = np.diff(known.day).astype(float) / DAYS_PER_WEEK
    same = known.customer[1:] == known.customer[:-1]
    owner = known.customer[1:][same]
    squares = np.bincount(owner, (weeks[same] - gap[owner]) ** 2, len(known.ids))
    gaps = known.counts - 1.0
    return np.asarray(
        np.divide(np.sqrt(squares / np.maximum(gaps, 1.0)), gap, out=np.full(len(gap), np.nan), where=gaps > 1)
    )


def _spend_variation(known: Purchases, mean: np.ndarray) -> np.ndarray:
    """Return the standard deviation of spend per purchase over its mean; NaN below two purchases."""
    squares = np.bincount(known.customer, (known.spend - mean[known.customer]) ** 2, len(known.ids))
    many = known.counts > 1
    return np.asarray(np.divide(np.sqrt(squares / known.counts), mean, out=np.full(len(mean), np.nan), where=many))
