"""Statistical alarms: a column that knows too well who leaves has mostly been told.

What honest columns do, measured on simulated worlds: AUROC up to .63 with a lower bound of .61
(2,000 accounts), up to .79 with one of .71 (300 accounts); in the last week before leaving up to
.93 with a lower bound of .89. From this the rules, all on lower bounds so that noise raises no alarm:

- within the headline horizon, one column alone above .80: failure;
- above .95 among those who leave in the last week: a warning (an honest sign may come so late);
  among those who leave later: failure;
- above .75 in every band of days to churn, the furthest included: failure. What is written when an
  account leaves tells it as well a season ahead as a day ahead; behaviour fades with distance;
- a column of `accounts` that is an end state (`undertow.training.leakage.end_states`): by account, above .80 for ever
  leaving, or one value (or being filled at all) that practically only leavers have: failure;
- one column with more than half of a model's split gain, among at least 20 columns: failure.

Days to a renewal are honest and may be strong, since a term binds: for them failures are warnings.
Every AUROC compares accounts of the same moment only, so that no calendar trend counts as knowledge.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.language import measures
from undertow.features.replay.replay import Finding, Severity
from undertow.training.evaluation.performance import FEW_CHURNERS
from undertow.training.examples.split import Examples
from undertow.training.leakage.auroc import (
    Auroc,
    auroc,
    bands_of,
    halves,
    as_of_numbers,
    rates_elsewhere,
    views,
)
from undertow.training.leakage.end_states import source_of

CHECK = "statistics"
TELLING, FLAT, PERFECT = 0.80, 0.75, 0.95  # lower bounds of AUROC
GAIN, FEW_COLUMNS = 0.5, 20
MOST_ROWS = 100_000  # more are thinned out by account


@dataclass(frozen=True)
class ColumnSignal:
    """How well one view of a column tells who leaves.

    `view`: "value", "category" (churn rate of the value in the other half of the accounts) or "filled".
    `bands`: for those who leave in each of `bands_of(headline)` against those who stay.
    """

    column: str
    view: str
    headline: Auroc | None
    bands: tuple[Auroc | None, ...]
    is_clock: bool = False

    @property
    def strength(self) -> float:
        """Return the lower bound within the headline horizon."""
        return self.headline.strength if self.headline else 0.0


# --- every column, alone ---------------------------------------------------------------------------


def column_signals(examples: Examples, columns: Iterable[Column], headline: int) -> list[ColumnSignal]:
    """Return how well each column alone tells who leaves, the strongest first; matured snapshots only."""
    matured = thinned(examples.take(examples.outcomes.matured(headline)))
    if not len(matured):
        return []
    sides = Sides.of(matured, headline)
    found = []
    for column in columns:
        values = matured.rows[column.name]
        is_clock = any(measure.statistic == "days until" for measure in measures(column.feature.measure))
        for view, score, keep in views(values):
            if not keep.any() or np.ptp(score[keep]) == 0:
                continue
            aurocs = [sides.auroc(view, score, keep & (band | ~sides.left), band) for band in sides.bands]
            found.append(ColumnSignal(column.name, view, aurocs[0], tuple(aurocs[1:]), is_clock))
    return sorted(found, key=lambda signal: -signal.strength)


def signal_findings(found: Sequence[ColumnSignal], headline: int) -> list[Finding]:
    """Return what the rules at the top of this file say of each column."""
    said: dict[str, Finding] = {}
    for signal in found:
        for one in _judge(signal, headline):
            said.setdefault(one.culprit, one)
    if not any(signal.headline and signal.headline.is_enough for signal in found):
        said[""] = Finding("note", CHECK, "all columns", "not enough data: fewer than "
                           f"{FEW_CHURNERS} accounts left within {headline} days of a matured snapshot.")  # fmt: skip
    return list(said.values())


def _judge(signal: ColumnSignal, headline: int) -> Iterator[Finding]:
    """Yield at most one failure, the plainest, and a warning for the last week."""
    bands = bands_of(headline)
    level: Severity = "warning" if signal.is_clock else "failure"
    name, auroc = source_of(signal.column), signal.headline
    far = [(band, one) for band, one in zip(bands, signal.bands, strict=True) if band[0] and one]
    perfect = next(((band, one) for band, one in far if one.strength > PERFECT), None)
    if auroc and signal.strength > TELLING:
        yield Finding(level, CHECK, name, f"{_what(signal)} tells who leaves within {headline} days with AUROC "
                      f"{auroc.text}: above {TELLING:.2f}, one column alone has mostly been told.")  # fmt: skip
    elif perfect:
        (start, end), one = perfect
        yield Finding(level, CHECK, name, f"{_what(signal)} tells who leaves in {start} to {end} days nearly "
                      f"perfectly: AUROC {one.text}.")  # fmt: skip
    elif _is_flat(signal):
        known = [(band, one) for band, one in zip(bands, signal.bands, strict=True) if one]
        each = ", ".join(f"{start}-{end} days {one.text}" for (start, end), one in known)
        yield Finding(level, CHECK, name, f"{_what(signal)} tells those who leave far ahead as well as those who "
                      f"leave at once: {each}. Behaviour fades with distance; an end state does not.")  # fmt: skip
    elif signal.bands[0] and signal.bands[0].strength > PERFECT:
        yield Finding("warning", CHECK, name, f"{_what(signal)} tells who leaves within the week nearly perfectly: "
                      f"AUROC {signal.bands[0].text}. A sign that comes too late, or one written "
                      "at leaving.")  # fmt: skip


def _is_flat(signal: ColumnSignal) -> bool:
    """Above FLAT in every band with enough churners, in one direction: the furthest and one more at least."""
    known = [auroc for auroc in signal.bands if auroc and auroc.is_enough]
    if len(known) < 2 or signal.bands[-1] not in known:
        return False
    return min(auroc.low for auroc in known) > FLAT or max(auroc.high for auroc in known) < 1 - FLAT


def _what(signal: ColumnSignal) -> str:
    return {"value": "its value", "category": "its value", "filled": "whether it is filled"}[signal.view]


# --- who is compared with whom ---------------------------------------------------------------------


@dataclass(frozen=True)
class Sides:
    """Rows with who left: `left` bool (n,), `bands` (all who left, then each band), groups to compare in."""

    left: np.ndarray
    bands: tuple[np.ndarray, ...]
    account: np.ndarray
    moment: np.ndarray
    half: np.ndarray

    @classmethod
    def of(cls, examples: Examples, headline: int) -> Sides:
        days, left = examples.outcomes.churn_days, examples.outcomes.churned(headline)
        bands = tuple(left & (days >= start) & (days < end) for start, end in bands_of(headline))
        return cls(left, (left, *bands), examples.accounts, as_of_numbers(examples), halves(examples))

    def auroc(self, view: str, score: np.ndarray, keep: np.ndarray, left: np.ndarray) -> Auroc | None:
        """Return the AUROC of `score` for `left` among the rows to keep."""
        y, account, moment = left[keep], self.account[keep], self.moment[keep]
        values = score[keep]
        if view == "category":
            values = rates_elsewhere(values, y, self.half[keep])
            moment = 2 * moment + self.half[keep]  # rates of different halves do not compare
        return auroc(values, y, account, moment)


def thinned(examples: Examples) -> Examples:
    """Return all rows of as many accounts as keep the rows under MOST_ROWS."""
    if len(examples) <= MOST_ROWS:
        return examples
    names = examples.rows["account_id"].to_pylist()
    drawn = np.array([zlib.crc32(f"thin {name}".encode()) / 2**32 for name in names])
    return examples.take(drawn < MOST_ROWS / len(examples))


# --- the model -----------------------------------------------------------------------------------------
