"""The measures inside a family, with the direction of each: its mean contribution by the value that accounts have."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.notice import NOTICE
from undertow.training.bundle.scores import Scores
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import COVARIATES, numbers

TOP_MEASURES = 5  # of a family
MOST_BINS = 8  # beside those whose value is not known
NO_COLUMN = "it has no single value: it is computed for each period of the future"
NOT_COLUMNS = {name: sentence for name, _, sentence in (*COVARIATES, NOTICE)}


def measures(bundle: Bundle, rows: pa.Table, scores: Scores) -> list[dict[str, object]]:
    """Return the measures that move the scores of a list most, family by family, as plain JSON.

    `rows`: the features of the n accounts. Contributions are probabilities at the headline horizon, over accounts in
    the same contract position.
    """
    size = np.abs(scores.probability_by_feature).mean(axis=0) if rows.num_rows else np.zeros(0)
    columns = {column.name: column for column in bundle.columns}
    named = list(zip(bundle.contribution_names, bundle.contribution_families, size.tolist(), strict=False))
    found = []
    for family in REASON_FAMILIES:
        mine = sorted(((-s, name) for name, of, s in named if of == family and s > 0))[:TOP_MEASURES]
        for less, name in mine:
            shares = scores.probability_by_feature[:, bundle.contribution_names.index(name)]
            measured = _measure(name, rows, shares, columns.get(name))
            found.append({"family": family, "mean_absolute_contribution": -less, **measured})
    return found


def _measure(name: str, rows: pa.Table, shares: np.ndarray, column: ModelColumn | None) -> dict[str, object]:
    bins: list[dict[str, object]] = []
    if column is not None and name in rows.column_names:
        if column.is_text:
            bins = text_bins([text or "" for text in rows[name].to_pylist()], shares)
        else:
            bins = number_bins(numbers(rows, name), shares)
    return {
        "feature": name,
        "sentence": column.sentence if column is not None else NOT_COLUMNS[name],
        "unit": column.unit if column is not None else "count",
        "bins": bins,
        "why_not": None if bins else NO_COLUMN,
    }


def number_bins(values: np.ndarray, shares: np.ndarray) -> list[dict[str, object]]:
    """Return the mean contribution by eighths of the known values, smallest first, and of unknown ones last.

    `values`, `shares`: (n,). Values that occur often make a bin of their own; equal values are in one bin.

    >>> bins = number_bins(np.array([0.0, 0, 0, 5, 9, np.nan]), np.array([-0.1, -0.1, -0.1, 0.2, 0.4, 0.0]))
    >>> [(each["low"], each["high"], each["accounts"], round(each["mean"], 2)) for each in bins]
    [(0.0, 0.0, 3, -0.1), (5.0, 5.0, 1, 0.2), (9.0, 9.0, 1, 0.4), (None, None, 1, 0.0)]
    """
    known = ~np.isnan(values)
    seen, mine = values[known], shares[known]
    bins = []
    if len(seen):
        distinct = np.unique(seen)
        ends = distinct
        if len(distinct) > MOST_BINS:
            ends = np.unique(np.quantile(seen, np.arange(1, MOST_BINS + 1) / MOST_BINS, method="inverted_cdf"))
        place = np.searchsorted(ends, seen)
        for number in range(len(ends)):
            inside = place == number
            bins.append(_bin(mine[inside], float(seen[inside].min()), float(seen[inside].max()), None))
    if not known.all():
        bins.append(_bin(shares[~known], None, None, None))
    return bins


def text_bins(texts: list[str], shares: np.ndarray) -> list[dict[str, object]]:
    """Return the mean contribution of the texts that occur most, by name, then of the others ("" is unknown)."""
    names, counts = np.unique(texts, return_counts=True)
    most = set(names[np.argsort(-counts, kind="stable")[:MOST_BINS]]) - {""}
    shown = np.array([text if text in most else ("" if not text else "others") for text in texts])
    order = sorted(set(shown), key=lambda name: (name == "", name))
    return [_bin(shares[shown == name], None, None, str(name) or None) for name in order]


def _bin(shares: np.ndarray, low: float | None, high: float | None, text: str | None) -> dict[str, object]:
    """Return a bin; its interval is the mean and 1.96 standard errors either side, None with one account."""
    mean = float(shares.mean())
    error = None if len(shares) < 2 else 1.96 * float(shares.std(ddof=1)) / len(shares) ** 0.5
    return {
        "low": low,
        "high": high,
        "text": text,
        "accounts": len(shares),
        "mean": mean,
        "mean_low": None if error is None else mean - error,
        "mean_high": None if error is None else mean + error,
    }
