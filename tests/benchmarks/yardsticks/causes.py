"""One world per planted cause of churn: the accounts that it struck, beside the same accounts without it.

Each cause is planted alone, in the world on which the model was trained, a few weeks before its end. A world with and a
world without it draw the same random numbers, so that the difference of their true probabilities is the cause's effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.benchmarks.yardsticks.claims import Struck
from tests.benchmarks.yardsticks.explained import explain
from tests.benchmarks.yardsticks.recorded import share_told
from tests.benchmarks.yardsticks.trained import (
    RecordedWorld,
    TrainedWorld,
    account_numbers,
    record_world,
    true_futures,
)
from undertow.features.simulator import PlantedCause, Shock, World
from undertow.features.simulator.history import struck_by
from undertow.features.sources.loaded import Progress
from undertow.training.bundle.bundle import Bundle

CHANGE_DAYS = 30  # days between the two as_ofs of "what changed"
WEB_SHARE = 0.6  # share of use on the web above which an account counts as struck by a broken web release
WEB_UNBROKEN = 60  # days before the end without other broken web releases, in the worlds of the planted one
VISIBLE_VISITS = 8  # recorded visits in the 30 days before a collapse of usage, for the collapse to be visible


@dataclass(frozen=True)
class Cause:
    """A cause to plant. `family` measures it; `days`: days before the end; `share`: share of the accounts it hits."""

    kind: PlantedCause
    text: str
    family: str
    days: int
    share: float


CAUSES = (
    Cause(PlantedCause.card, "a card in dunning", "billing", 30, 0.5),  # a tenth of them is in dunning at the end
    Cause(PlantedCause.habit, "a collapse of usage", "usage", 21, 0.1),
    Cause(PlantedCause.tickets, "a storm of tickets", "cx", 21, 0.1),
    Cause(PlantedCause.release, "a broken web release", "ux", 21, 0.0),  # hits all users of the web
)


def planted_causes(
    trained: TrainedWorld, ceiling: Bundle | None, paths: int, folder: Path, report_progress: Progress,
    cache: Path | None,
) -> Iterator[Struck]:  # fmt: skip
    """Simulate a world per cause; yield the answers and the truth for the accounts that were struck."""
    for cause in CAUSES:
        p, seed, place = trained.world.parameters, trained.world.seed, folder / cause.kind
        without: RecordedWorld = trained
        if cause.kind == PlantedCause.release:
            p = replace(p, web_unbroken=WEB_UNBROKEN)
            without = record_world(p, seed, place / "without", report_progress)
        p = replace(p, shocks=(Shock(cause.kind, p.days - cause.days, cause.share),))
        with_cause = record_world(p, seed, place / "with", report_progress)
        yield _compared(cause, trained, ceiling, with_cause, without, paths, cache)


def _compared(
    cause: Cause, trained: TrainedWorld, ceiling: Bundle | None, with_cause: RecordedWorld, without: RecordedWorld,
    paths: int, cache: Path | None,
) -> Struck:  # fmt: skip
    """Return the answers for the accounts struck, at risk and recorded in both worlds, with and without the cause."""
    end, headline = trained.world.parameters.days, trained.bundle.headline
    rows, rows_without = (_Rows.of(one, cause) for one in (with_cause, without))
    chosen = np.flatnonzero(is_struck(with_cause.world, cause) & without.world.frozen[end].active)
    chosen = np.intersect1d(np.intersect1d(chosen, account_numbers(rows.now)), account_numbers(rows_without.now))
    explained, true = [], []
    for recorded, read in ((with_cause, rows), (without, rows_without)):
        explained.append(explain(trained.bundle, _of_accounts(read.now, chosen), read.earlier))
        futures = true_futures(recorded.world, end, chosen, (headline,), 0, paths, cache)
        true.append(futures.lost[0].sum(axis=0))
    now, now_without = (_of_accounts(each.now, chosen) for each in (rows, rows_without))
    is_visible, told = np.ones(len(chosen), bool), None
    if cause.kind == PlantedCause.habit:
        is_visible = _visits(rows_without.before, chosen) >= VISIBLE_VISITS
        told = share_told(trained, with_cause.world, now, now_without)
    rise = None
    if ceiling is not None:
        place = ceiling.ends.index(headline)
        rise = ceiling.probability(now)[:, place] - ceiling.probability(now_without)[:, place]
    return Struck(cause.text, cause.family, explained[0], explained[1], true[0] - true[1], is_visible, told, rise)


@dataclass(frozen=True)
class _Rows:
    """The feature rows of a world at its end, CHANGE_DAYS earlier, and on the day of the cause."""

    now: pa.Table
    earlier: pa.Table
    before: pa.Table

    @classmethod
    def of(cls, recorded: RecordedWorld, cause: Cause) -> _Rows:
        until = recorded.tables.until
        as_ofs = [until - timedelta(days=days) for days in (0, CHANGE_DAYS, cause.days)]
        rows = recorded.rows(sorted(set(as_ofs)))
        return cls(*(rows.filter(pa.compute.equal(rows["as_of"], pa.scalar(as_of))) for as_of in as_ofs))


def is_struck(world: World, cause: Cause) -> np.ndarray:
    """Return which accounts a planted cause struck and are at risk at the end, shape (n_accounts,)."""
    end, at_shock = world.frozen[world.parameters.days], world.state_at(world.parameters.shocks[0].day)
    if cause.kind == PlantedCause.release:
        return (world.static.mix[:, 0] > WEB_SHARE) & end.active
    struck = struck_by(world, 0) & at_shock.active & end.active
    in_dunning = (end.dunning_day > 0) & (end.card_expires <= world.parameters.days)
    return struck & in_dunning if cause.kind == PlantedCause.card else struck


def _of_accounts(rows: pa.Table, accounts: np.ndarray) -> pa.Table:
    """Return the rows of these accounts, in the order of the account numbers."""
    number = account_numbers(rows)
    order = np.argsort(number, kind="stable")
    return rows.take(pa.array(order[np.isin(number[order], accounts)]))


def _visits(rows: pa.Table, accounts: np.ndarray) -> np.ndarray:
    """Return the recorded visits of accounts in the 30 days before, shape (n,); 0 for accounts without a row."""
    visits = dict(zip(account_numbers(rows).tolist(), rows["visits_30"].to_pylist(), strict=True))
    return np.array([visits.get(account) or 0.0 for account in accounts.tolist()])
