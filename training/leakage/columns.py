"""Statistical leakage checks of single columns.

A column that alone predicts churn almost perfectly was probably filled in after the customer left.

Columns without leakage, measured on simulated worlds: AUROC up to .63 with a lower bound of .61
(2,000 accounts), up to .79 with one of .71 (300 accounts); in the last week before leaving up to
.93 with a lower bound of .89. From this the rules, all on lower bounds so that noise raises no alarm:

- within the headline horizon, one column alone above .80: failure; an AUROC above .80 whose lower bound is not: a
  warning (too few accounts left to tell);
- above .95 among those who leave in the last week: a warning (a true sign may come so late);
  among those who leave later: failure;
- above .75 in every band of days to churn, the furthest included: failure. What is written when an
  account leaves predicts churn as well a season ahead as a day ahead; behaviour fades with distance;
- a column of `accounts` that is an end state (`end_states`): by account, above .80 for ever
  leaving, or one value (or being filled at all) that practically only leavers have: failure;
- one column with more than half of a model's split gain, among at least 20 columns: failure.

A value below .20 predicts as well as one above .80, in the other direction, and counts alike. A column that may
honestly predict so well (days to a renewal, where a term binds) is named under [audit] accepted.
Every AUROC compares accounts with the same as_of only, so that no calendar trend counts as a signal.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from undertow.features.catalogue.cards import Column
from undertow.features.replay.replay import Finding
from undertow.training.evaluation.performance import FEW_CHURNERS
from undertow.training.examples.split import Examples
from undertow.training.leakage.auroc import Auroc, as_of_numbers, auroc, bands_of, halves, rates_elsewhere, views
from undertow.training.leakage.end_states import source_of

CHECK = "statistics"
STRONG, FLAT, PERFECT = 0.80, 0.75, 0.95  # lower bounds of AUROC
GAIN, FEW_COLUMNS = 0.5, 20
MOST_ROWS = 100_000  # more are thinned out by account


@dataclass(frozen=True)
class ColumnSignal:
    """How well one column alone predicts churn: AUROC within the headline horizon and per band of days to churn.

    `view`: "value", "category" (churn rate of the value in the other half of the accounts) or "filled".
    `bands`: for those who leave in each of `bands_of(headline)` against those who stay.
    """

    column: str
    view: str
    headline: Auroc | None
    bands: tuple[Auroc | None, ...]

    @property
    def strength(self) -> float:
        """Return the lower bound of the AUROC within the headline horizon."""
        return self.headline.strength if self.headline else 0.0


# --- every column, alone ---------------------------------------------------------------------------


def column_signals(examples: Examples, columns: Iterable[Column], headline: int) -> list[ColumnSignal]:
    """Return how well each column alone predicts churn, the strongest first; matured snapshots only."""
    matured = thinned(examples.take(examples.outcomes.matured(headline)))
    if not len(matured):
        return []
    groups = ComparisonGroups.of(matured, headline)
    signals = []
    for column in columns:
        values = matured.rows[column.name]
        for view, score, keep in views(values):
            if not keep.any() or np.ptp(score[keep]) == 0:
                continue
            aurocs = [groups.auroc(view, score, keep & (band | ~groups.left), band) for band in groups.bands]
            signals.append(ColumnSignal(column.name, view, aurocs[0], tuple(aurocs[1:])))
    return sorted(signals, key=lambda signal: -signal.strength)


def signal_findings(signals: Sequence[ColumnSignal], headline: int) -> list[Finding]:
    """Return the findings of the rules at the top of this file for each column."""
    findings: dict[str, Finding] = {}
    for signal in signals:
        for one in _judge(signal, headline):
            findings.setdefault(one.culprit, one)
    if not any(signal.headline and signal.headline.is_enough for signal in signals):
        findings[""] = Finding("note", CHECK, "all columns", "not enough data: fewer than "
                           f"{FEW_CHURNERS} accounts left within {headline} days of a matured snapshot.")  # fmt: skip
    return list(findings.values())


def _judge(signal: ColumnSignal, headline: int) -> Iterator[Finding]:
    """Yield at most one failure, the clearest, and a warning for the last week."""
    bands = bands_of(headline)
    name, auroc = source_of(signal.column), signal.headline
    far = [(band, one) for band, one in zip(bands, signal.bands, strict=True) if band[0] and one]
    perfect = next(((band, one) for band, one in far if one.strength > PERFECT), None)
    what = f"{_what(signal)} alone predicts"
    if auroc and signal.strength > STRONG:
        text = f"who leaves within {headline} days with AUROC {auroc.text}: above {STRONG:.2f}, it was probably filled "
        yield Finding("failure", CHECK, name, f"{what} {text}in after the customer left.")
    elif perfect:
        (start, end), one = perfect
        text = f"who leaves in {start} to {end} days almost perfectly: AUROC {one.text}."
        yield Finding("failure", CHECK, name, f"{what} {text}")
    elif _is_flat(signal):
        known = [(band, one) for band, one in zip(bands, signal.bands, strict=True) if one]
        each = ", ".join(f"{start}-{end} days {one.text}" for (start, end), one in known)
        text = f"leaving far ahead as well as leaving at once: {each}. Behaviour fades with distance; an end state "
        yield Finding("failure", CHECK, name, f"{what} {text}does not.")
    elif signal.bands[0] and signal.bands[0].strength > PERFECT:
        text = f"who leaves within the week almost perfectly: AUROC {signal.bands[0].text}. A sign that comes too "
        yield Finding("warning", CHECK, name, f"{what} {text}late, or one written at leaving.")
    elif auroc and auroc.left >= FEW_CHURNERS and max(auroc.value, 1 - auroc.value) > STRONG:
        text = f"who leaves within {headline} days with AUROC {auroc.text}: it may be leakage, but too few accounts "
        yield Finding("warning", CHECK, name, f"{what} {text}left to tell.")


def _is_flat(signal: ColumnSignal) -> bool:
    """Return whether the AUROC is above FLAT, in one direction, in every band with enough churners (at least two)."""
    known = [auroc for auroc in signal.bands if auroc and auroc.is_enough]
    if len(known) < 2 or signal.bands[-1] not in known:
        return False
    return min(auroc.low for auroc in known) > FLAT or max(auroc.high for auroc in known) < 1 - FLAT


def _what(signal: ColumnSignal) -> str:
    return {"value": "its value", "category": "its value", "filled": "whether it is filled"}[signal.view]


# --- comparison groups ------------------------------------------------------------------------------


@dataclass(frozen=True)
class ComparisonGroups:
    """The matured rows on which columns are tested: who `left`, by band of days, compared within one as_of."""

    left: np.ndarray
    bands: tuple[np.ndarray, ...]
    account: np.ndarray
    as_of: np.ndarray
    half: np.ndarray

    @classmethod
    def of(cls, examples: Examples, headline: int) -> ComparisonGroups:
        """Return the groups of matured examples, whose labels within `headline` days are known."""
        days, left = examples.outcomes.churn_days, examples.outcomes.churned(headline)
        bands = tuple(left & (days >= start) & (days < end) for start, end in bands_of(headline))
        return cls(left, (left, *bands), examples.accounts, as_of_numbers(examples), halves(examples))

    def auroc(self, view: str, score: np.ndarray, keep: np.ndarray, left: np.ndarray) -> Auroc | None:
        """Return the AUROC of `score` for `left` among the rows to keep."""
        y, account, group = left[keep], self.account[keep], self.as_of[keep]
        values = score[keep]
        if view == "category":
            values = rates_elsewhere(values, y, self.half[keep])
            group = 2 * group + self.half[keep]  # rates of different halves do not compare
        return auroc(values, y, account, group)


def thinned(examples: Examples) -> Examples:
    """Return all rows of as many accounts as keep the rows under MOST_ROWS."""
    if len(examples) <= MOST_ROWS:
        return examples
    names = examples.rows["account_id"].to_pylist()
    drawn = np.array([zlib.crc32(f"thin {name}".encode()) / 2**32 for name in names])
    return examples.take(drawn < MOST_ROWS / len(examples))


