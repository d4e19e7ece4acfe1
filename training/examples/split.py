"""Training examples: snapshots with their labels, split by time into train, gap and held-out test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.build.feature_table import FeatureTable
from undertow.features.engines.database import Database
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Churn, Settings, midnight
from undertow.features.snapshots.activity import Activity
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.loaded import Tables
from undertow.training.examples.case_cohort import draw_case_cohort, uniform_part
from undertow.training.examples.given_outcomes import given_outcomes
from undertow.training.examples.outcomes import Outcomes, observe_outcomes, observed_until
from undertow.training.examples.revenue import Revenue, observe_revenue

THIN = 100  # churners below which results are called thin, and models and intervals are more cautious


@dataclass(frozen=True)
class Dates:
    """The as_ofs of the training and the held-out test snapshots.

    `train_known_at`: labels for training are read as known then, `gap_days` before the first test as_of.
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
    """Feature rows and their labels, row by row; `drawn_from`: how many a random part was drawn from, if so.

    `revenue`: what they paid afterwards, where it was asked for. `weight`: (n,), how many of those that it was drawn
    from each row stands for, 1 / its inclusion probability; None where all count alike.
    """

    rows: pa.Table
    outcomes: Outcomes
    drawn_from: int | None = None
    revenue: Revenue | None = None
    weight: np.ndarray | None = None

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def accounts(self) -> np.ndarray:
        """Return the account of each row, as whole numbers from 0."""
        encoded = self.rows["account_id"].combine_chunks().dictionary_encode()
        return np.asarray(encoded.indices.to_numpy(zero_copy_only=False))

    def churners(self) -> int:
        """Return how many different accounts have a churn label."""
        return len(np.unique(self.accounts[~np.isnan(self.outcomes.churn_days)]))

    def take(self, keep: np.ndarray) -> Examples:
        """Return the rows where `keep` is true."""
        revenue = None if self.revenue is None else self.revenue.take(keep)
        weight = None if self.weight is None else self.weight[keep]
        rows, outcomes = self.rows.filter(pa.array(keep)), self.outcomes.take(keep)
        return replace(self, rows=rows, outcomes=outcomes, revenue=revenue, weight=weight)

    @property
    def is_uniform(self) -> np.ndarray:
        """Return rows in which every snapshot is as likely as any other, bool, (n,); all of them without weights."""
        return np.ones(len(self), dtype=bool) if self.weight is None or not len(self) else uniform_part(self.weight)

    def uniform(self) -> Examples:
        """Return these rows alone, without weights; the same examples where there are none."""
        return self if self.weight is None else replace(self.take(self.is_uniform), weight=None)


def choose_dates(settings: Settings, tables: Tables) -> Dates:
    """Choose the as_ofs of training and of the held-out test.

    Test: the newest as_of whose headline window has fully matured, unless [snapshots] test lists some. Raises
    ModelRefusal, saying how much history is missing, where no window has matured on either side.
    """
    churn, training = settings.churn, settings.training
    every = calendar(settings.snapshots, tables)
    matured = matured_as_ofs(every, observed_until(churn, tables.until), training.headline)
    test = [midnight(day) for day in settings.snapshots.test] or matured[-1:]
    immature = [as_of for as_of in test if as_of not in matured]
    if immature or not test:
        raise _immature(max(immature or every[:1], default=tables.until), training.headline, churn, tables.until)
    return split_dates(settings, every, test)


def split_dates(settings: Settings, every: Sequence[datetime], test: Sequence[datetime]) -> Dates:
    """Return the dates of a held-out test and of the training before it, among `every` as_of.

    Raises ModelRefusal where none before the test has a followed window of the shortest horizon.
    """
    known_at = min(test) - timedelta(days=settings.training.gap_days)
    shortest = settings.training.horizons[0]
    train = matured_as_ofs(every, observed_until(settings.churn, known_at), shortest)
    if not train:
        raise ModelRefusal(
            f"No snapshot before {known_at:%Y-%m-%d} has a followed window of {shortest} days to learn "
            f"from; the first as_of is {every[0]:%Y-%m-%d}. Wait for more history, or choose a later test."
        )
    return Dates(tuple(train), tuple(test), known_at)


def whole_as_ofs(settings: Settings, every: Sequence[datetime], until: datetime) -> tuple[datetime, ...]:
    """Return the as_ofs with a window of the shortest horizon that is over; rows end at `until`."""
    return tuple(matured_as_ofs(every, observed_until(settings.churn, until), settings.training.horizons[0]))


def make_examples(
    database: Database,
    churn: Churn,
    tables: Tables,
    features: FeatureTable,
    as_ofs: Sequence[datetime],
    known_at: datetime,
    where: str = "",
    most: int | None = None,
    revenue_months: int = 0,
    activity: Activity | None = None,
    cases_within: tuple[int, ...] = (),
    seen: FeatureTable | None = None,
) -> Examples:
    """Return the snapshots of these as_ofs with their labels as known at `known_at`.

    `where`: an SQL condition over accounts. Accounts that had already ended, though it was recorded later, are
    left out. `most`: where there are more snapshots, so many are drawn at random, the same ones each time.
    `revenue_months`: how many months of revenue are read, if any. `activity`: where nobody cancels. `cases_within`:
    horizons, in days; churn within one of them makes a case, which is kept where others are drawn, with weights.
    `seen`: the outcomes that a file of feature rows states, where the tables do not hold them.
    """
    if seen is None:
        outcomes = observe_outcomes(database, churn, tables, features, as_ofs, known_at, activity)
    else:
        outcomes = given_outcomes(seen, as_ofs, observed_until(churn, known_at))
        database.open_table("accounts", tables.files("accounts"))
    keep = ~outcomes.gone
    if where:
        chosen = database.arrow(f"SELECT account_id FROM accounts WHERE {where}", f"[snapshots] {where}")
        accounts = features.snapshots(as_ofs)["account_id"]
        keep &= np.asarray(pc.is_in(accounts, chosen["account_id"].combine_chunks()).to_numpy())
    drawn_from, weight = None, None
    if most is not None and keep.sum() > most:
        drawn_from = int(keep.sum())
        keep, weight = _draw(outcomes, keep, most, cases_within)
    rows, outcomes, revenue = features.read(as_ofs, keep), outcomes.take(keep), None
    if revenue_months:
        revenue = observe_revenue(database, rows, outcomes, known_at, revenue_months)
    return Examples(rows, outcomes, drawn_from, revenue, weight)


def _draw(
    outcomes: Outcomes, keep: np.ndarray, most: int, cases_within: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return which of the snapshots in `keep` are drawn, bool, (n,), and their weights, if cases are kept."""
    numbers, drawn = np.flatnonzero(keep), np.zeros(len(keep), dtype=bool)
    if not cases_within:
        drawn[np.random.default_rng(0).choice(numbers, most, replace=False)] = True
        return drawn, None
    is_case = np.any([outcomes.churned(horizon) for horizon in cases_within], axis=0)
    chosen, weight = draw_case_cohort(is_case[numbers], most)
    drawn[numbers[chosen]] = True
    return drawn, weight[chosen]


def segments(rows: pa.Table) -> dict[str, np.ndarray]:
    """Return segment -> bool, shape (n,): the rows in it."""
    names = [name for name in pc.unique(rows["segment"]).to_pylist() if name is not None]
    return {name: np.asarray(pc.fill_null(pc.equal(rows["segment"], name), False)) for name in sorted(names)}


def matured_as_ofs(as_ofs: Sequence[datetime], observed: datetime, horizon: int) -> list[datetime]:
    """Return the as_ofs whose window of `horizon` days ends by `observed`, up to which outcomes are known."""
    return [as_of for as_of in as_ofs if as_of + timedelta(days=horizon) <= observed]


def _immature(newest: datetime, headline: int, churn: Churn, until: datetime) -> ModelRefusal:
    ready = newest + timedelta(days=headline + churn.grace_days)
    return ModelRefusal(
        f"No held-out test is possible: the window of {headline} days from {newest:%Y-%m-%d}, with {churn.grace_days} "
        f"days of grace, is only fully observed on {ready:%Y-%m-%d}, and the rows end on {until:%Y-%m-%d}. "
        "Wait, choose an earlier [snapshots] test, or a shorter [training] headline."
    )
