"""What the accounts that were healthy by the score and left had in common, beside the healthy ones that stayed.

Each account counts once. Features are compared by the standardised difference of their means (Cohen's d), with values
beyond the 1st and 99th percentile drawn in; intervals are those of Hedges and Olkin (1985), wide enough to hold for all
features together (Bonferroni), since the largest of many differences is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from undertow.training.evaluation.health_report import Difference, InCommon
from undertow.training.evaluation.intervals import Estimate
from undertow.training.examples.encoding import ModelColumn

FEW = 20  # accounts on either side, below which nothing is compared
MOST = 5  # differences shown
MOST_TEXTS = 20  # values of one column, the commonest

Compared = tuple[ModelColumn, str, bool, np.ndarray, np.ndarray]  # column, what it is called, a share?, gone, stayed


def in_common(
    rows: pa.Table, account: np.ndarray, missed: np.ndarray, columns: Sequence[ModelColumn], horizon: int
) -> InCommon:
    """Return the features that differ most between misses and others; rows of healthy accounts, oldest first.

    `account`: shape (n,). `missed`: bool, shape (n,): left within `horizon` days. Of an account that was missed, the
    newest snapshot at which it was counts, of any other the newest.
    """
    gone = _newest(account, missed)
    stayed = _newest(account, ~np.isin(account, account[missed]))
    if min(len(gone), len(stayed)) < FEW:
        said = (
            f"What its misses had in common: not enough accounts, {len(gone)} healthy ones left within {horizon} days "
            f"and {len(stayed)} stayed ({FEW} of each are needed)."
        )
        return InCommon(len(gone), len(stayed), 0, (), said)
    compared = list(_compared(rows.take(pa.array(gone)), rows.take(pa.array(stayed)), columns))
    z = float(norm.ppf(1 - 0.025 / max(len(compared), 1)))
    found = [_difference(each, z) for each in compared]
    sure = [each for each in found if each[1].standardised.low > 0 or each[1].standardised.high < 0]
    best: dict[str, Difference] = {}
    for card, difference in sorted(sure, key=lambda each: -abs(each[1].standardised.value)):
        best.setdefault(card, difference)
    said = (
        f"Compared: {len(compared)} features of {len(gone)} healthy accounts that left within {horizon} days and "
        f"{len(stayed)} that stayed; "
        + ("differences whose interval is off 0 for all features together" if best else "none differs surely")
        + ". These are associations, not causes."
    )
    return InCommon(len(gone), len(stayed), len(compared), tuple(best.values())[:MOST], said)


def standardised(gone: np.ndarray, stayed: np.ndarray, z: float = 1.96) -> Estimate:
    """Return the difference of the means in pooled standard deviations; 0 where nothing varies.

    >>> standardised(np.array([2.0, 4.0]), np.array([0.0, 2.0])).value  # 2 / sqrt(2)
    1.41...
    """
    n, m = len(gone), len(stayed)
    spread = np.sqrt(((n - 1) * gone.var(ddof=1) + (m - 1) * stayed.var(ddof=1)) / (n + m - 2))
    if not spread > 0:
        return Estimate(0.0, 0.0, 0.0)
    d = float((gone.mean() - stayed.mean()) / spread)
    half = z * float(np.sqrt((n + m) / (n * m) + d**2 / (2 * (n + m))))
    return Estimate(d, d - half, d + half)


def _newest(account: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the last position of each account among the chosen rows, a mask."""
    last = {name: position for position, name in enumerate(account) if chosen[position]}
    return np.array(sorted(last.values()), dtype=np.int64)


def _compared(gone: pa.Table, stayed: pa.Table, columns: Sequence[ModelColumn]) -> Iterator[Compared]:
    """Yield the known values of every feature that is known for enough accounts on both sides."""
    for column in columns:
        if column.is_text:
            yield from _texts(column, gone[column.name].to_pylist(), stayed[column.name].to_pylist())
            continue
        here, there = (_numbers(part[column.name]) for part in (gone, stayed))
        if min(len(here), len(there)) >= FEW:
            low, high = np.quantile(np.concatenate([here, there]), [0.01, 0.99])
            yield column, column.name, False, np.clip(here, low, high), np.clip(there, low, high)


def _texts(column: ModelColumn, gone: list[str | None], stayed: list[str | None]) -> Iterator[Compared]:
    here, there = ([text for text in part if text is not None] for part in (gone, stayed))
    if min(len(here), len(there)) >= FEW:
        for text in (column.categories or ())[:MOST_TEXTS]:
            mine, theirs = (np.array([each == text for each in part], dtype=float) for part in (here, there))
            yield column, f"{column.name} = {text}", True, mine, theirs


def _numbers(values: pa.ChunkedArray) -> np.ndarray:
    numbers = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=float)
    return numbers[~np.isnan(numbers)]


def _difference(compared: Compared, z: float) -> tuple[str, Difference]:
    """Return the card of the feature, and how it differs."""
    column, name, is_share, gone, stayed = compared
    middle = np.mean if is_share else np.median
    found = Difference(
        feature=name,
        sentence=column.sentence,
        family=column.family,
        is_share=is_share,
        gone=float(middle(gone)),
        stayed=float(middle(stayed)),
        standardised=standardised(gone, stayed, z),
        known_gone=len(gone),
        known_stayed=len(stayed),
    )
    return column.card, found
