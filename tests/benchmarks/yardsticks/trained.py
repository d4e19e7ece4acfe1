"""A world, a model trained on its tables as a user would, and what it says beside what is true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from undertow.features.build import build_features
from undertow.features.connectors import write_project
from undertow.features.engines.database import open_database
from undertow.features.settings import Settings, load_settings
from undertow.features.simulator import Parameters, World, run, simulate
from undertow.features.simulator.branches import Futures
from undertow.features.simulator.truth import moment
from undertow.features.snapshots import calendar
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.churn import curves
from undertow.training.churn.baselines import Baseline, fit_baselines
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.encoding import fit_columns
from undertow.training.examples.split import make_examples
from undertow.training.registry.tracking import open_registry
from undertow.training.train import train
from undertow.training.value.subscription import lifetime_value

MEMORY = "8GB"  # of DuckDB: ten times the accounts do not fit the default of 2 GB


@dataclass(frozen=True)
class Trained:
    """A world and the model that was trained on what its company recorded."""

    world: World
    settings: Settings
    tables: Tables
    report: TrainReport
    bundle: Bundle

    def after_training(self) -> list[datetime]:
        """Return the month starts of which training knew no outcome, the newest last."""
        return [as_of for as_of in calendar(self.settings.snapshots, self.tables) if as_of >= self.report.dates.test[0]]

    def rows(self, as_ofs: Sequence[datetime]) -> pa.Table:
        """Return the features of everybody at risk at these moments."""
        return build_features(self.settings, self.tables, as_ofs).read(as_ofs)

    def baselines(self) -> dict[int, tuple[Baseline, ...]]:
        """Return the baselines of training, by horizon."""
        dates = self.report.dates
        features = build_features(self.settings, self.tables, dates.every)
        with open_database(self.settings) as database:
            churn = self.settings.churn
            learn = make_examples(database, churn, self.tables, features, dates.train, dates.train_known_at)
        columns = fit_columns(features.catalogue.columns, learn.rows)
        return fit_baselines(learn, columns, self.bundle.ends)


@dataclass(frozen=True)
class Said:
    """What a model says at one moment: chances (n, H) and (n, H, 2) by cause, and 12-month value (n,)."""

    probability: np.ndarray
    by_cause: np.ndarray
    clv: np.ndarray


@dataclass(frozen=True)
class Truth:
    """What is true at one moment of the same accounts: chances (n, H, 2), and futures of money."""

    by_cause: np.ndarray
    futures: Futures

    @property
    def probability(self) -> np.ndarray:
        """Return the chances of leaving, shape (n, H)."""
        return np.asarray(self.by_cause.sum(axis=2))


def make_trained(p: Parameters, seed: int, folder: Path, tell: Progress) -> Trained:
    """Simulate a world, train on its tables (never on its truth), and return both."""
    settings = make_project(p, seed, folder, tell)
    report = train(settings, _now(), tell)
    champion = open_registry(settings).champion()
    assert champion is not None
    return Trained(run(p, seed), settings, load_tables(settings, _now(), tell), report, champion.bundle)


def make_project(p: Parameters, seed: int, folder: Path, tell: Progress) -> Settings:
    """Simulate a world into a project of its own."""
    simulate(p, folder / "data", seed=seed, progress=lambda share: tell("simulating", share))
    written = write_project("demo", folder / "data", folder / "project")
    with written.open("a", encoding="utf-8") as file:
        file.write(f'\n[engine]\nmemory_limit = "{MEMORY}"\n')
    return load_settings(folder / "project")


def said_by(bundle: Bundle, rows: pa.Table) -> Said:
    """Return what a bundle says of feature rows, without its reasons."""
    log_odds = bundle.log_odds(rows)
    stays = curves.survival(log_odds)
    mrr = np.nan_to_num(np.asarray(rows["mrr"].to_numpy(), dtype=float))
    value = lifetime_value(stays, bundle.ends, mrr, bundle.value)
    return Said(1.0 - stays, curves.incidence(log_odds), value)


def true_of(
    world: World, as_of: datetime, rows: pa.Table, horizons: Sequence[int], paths: int
) -> tuple[pa.Table, Truth]:
    """Return the rows of accounts that are truly still there, and their truth, row by row.

    Who left and was not yet booked is in the rows, and has no future to foretell.
    """
    at = moment(world, as_of.date())
    account = account_numbers(rows)
    position = np.searchsorted(at.at_risk, account)
    there = at.at_risk[np.minimum(position, len(at.at_risk) - 1)] == account
    futures = at.futures(horizons, 12, paths)
    which = position[there]
    told = Futures(futures.lost[:, :, which], futures.mrr[:, which], futures.paid[which])
    return rows.filter(pa.array(there)), Truth(np.moveaxis(told.lost, 2, 0), told)


def account_numbers(rows: pa.Table) -> np.ndarray:
    """Return 42 for 'A-00042'."""
    return np.array([int(name[2:]) for name in rows["account_id"].to_pylist()])


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
