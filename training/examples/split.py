"""Snapshots with their outcomes, split by time: train < gap < test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.build import FeatureTable
from undertow.features.engines.database import open_database
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings, midnight
from undertow.features.snapshots import calendar, open_tables
from undertow.features.sources.loaded import Tables
from undertow.training.examples.outcomes import Outcomes, observe_outcomes, observed_until


@dataclass(frozen=True)
class Dates:
    """When we look: `train` and `test` as_ofs, and the moment at which training stops knowing.

    Outcomes for training are read as they were known at `train_known_at`, which lies `gap_days`
    before the first test as_of.
    """

    train: tuple[datetime, ...]
    test: tuple[datetime, ...]
    train_known_at: datetime

    @property
    def every(self) -> tuple[datetime, ...]:
        """Return all as_ofs in order."""
        return tuple(sorted({*self.train, *self.test}))


@dataclass(frozen=True)
class Examples:
    """Feature rows and what came of them; the two go row by row."""

    rows: pa.Table
    outcomes: Outcomes

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def accounts(self) -> np.ndarray:
        """Return the account of each row, as whole numbers from 0."""
        encoded = self.rows["account_id"].combine_chunks().dictionary_encode()
        return np.asarray(encoded.indices.to_numpy(zero_copy_only=False))

    def churners(self) -> int:
        """Return how many different accounts were seen to churn."""
        return len(np.unique(self.accounts[~np.isnan(self.outcomes.churn_days)]))

    def take(self, keep: np.ndarray) -> Examples:
        """Return the rows where `keep` is true."""
        return Examples(self.rows.filter(pa.array(keep)), self.outcomes.take(keep))


def choose_dates(settings: Settings, tables: Tables) -> Dates:
    """Choose the as_ofs to learn from and to be judged on.

    Test: the newest as_of whose headline window has fully matured, unless the settings name some.
    Raises ModelRefusal, saying how much is missing, where no window has matured on either side.
    """
    every = calendar(settings, tables)
    matured = _matured(every, observed_until(settings, tables.until), settings.training.headline)
    test = [midnight(day) for day in settings.snapshots.test] or matured[-1:]
    _refuse_immature(settings, tables, every, matured, test)
    known_at = min(test) - timedelta(days=settings.training.gap_days)
    shortest = settings.training.horizons[0]
    train = _matured(every, observed_until(settings, known_at), shortest)
    if not train:
        raise ModelRefusal(
            f"No snapshot before {known_at:%Y-%m-%d} has a followed window of {shortest} days to learn "
            f"from; the first as_of is {every[0]:%Y-%m-%d}. Wait for more history, or choose a later test."
        )
    return Dates(tuple(train), tuple(test), known_at)


def make_examples(
    settings: Settings,
    tables: Tables,
    features: FeatureTable,
    as_ofs: Sequence[datetime],
    known_at: datetime,
    where: str = "",
) -> Examples:
    """Return the snapshots of these as_ofs with their outcomes as known at `known_at`.

    `where`: an SQL condition over accounts. Accounts already gone but booked later are left out.
    """
    rows = features.read(as_ofs)
    examples = Examples(rows, observe_outcomes(settings, tables, features, as_ofs, known_at))
    keep = ~examples.outcomes.gone
    if where:
        keep &= _accounts_where(settings, tables, where, rows)
    return examples.take(keep)


def segments(rows: pa.Table) -> dict[str, np.ndarray]:
    """Return segment -> bool, shape (n,): the rows in it."""
    names = [name for name in pc.unique(rows["segment"]).to_pylist() if name is not None]
    return {name: np.asarray(pc.fill_null(pc.equal(rows["segment"], name), False)) for name in sorted(names)}


def _accounts_where(settings: Settings, tables: Tables, where: str, rows: pa.Table) -> np.ndarray:
    with open_database(settings) as database:
        open_tables(database, tables)
        found = database.arrow(f"SELECT account_id FROM accounts WHERE {where}", f"[snapshots] {where}")
    return np.asarray(pc.is_in(rows["account_id"], found["account_id"].combine_chunks()).to_numpy())


def _matured(as_ofs: Sequence[datetime], observed: datetime, horizon: int) -> list[datetime]:
    return [as_of for as_of in as_ofs if as_of + timedelta(days=horizon) <= observed]


def _refuse_immature(
    settings: Settings, tables: Tables, every: list[datetime], matured: list[datetime], test: list[datetime]
) -> None:
    headline, grace = settings.training.headline, settings.churn.grace_days
    late = [as_of for as_of in test if as_of not in matured]
    if test and not late:
        return
    newest = max(late) if late else every[0] if every else tables.until
    ready = newest + timedelta(days=headline + grace)
    raise ModelRefusal(
        f"No honest test: the window of {headline} days from {newest:%Y-%m-%d}, with {grace} days of "
        f"grace, is only fully observed on {ready:%Y-%m-%d}, and the rows end on {tables.until:%Y-%m-%d}. "
        "Wait, choose an earlier [snapshots] test, or a shorter [training] headline."
    )
