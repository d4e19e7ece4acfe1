"""A simulated world, a model trained on its recorded tables, and its predictions and ground truth at an as_of.

The futures behind the ground truth take minutes and never change: they can be kept in a folder, and so can a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from undertow import features, training
from undertow.features import simulator
from undertow.features.build.feature_table import build_features
from undertow.features.connectors import write_project
from undertow.features.engines.database import open_database
from undertow.features.settings import Settings, load_settings
from undertow.features.simulator import Parameters, World, run, simulate
from undertow.features.simulator.branches import Futures, look_ahead
from undertow.features.simulator.truth import moment
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress, Tables
from undertow.training.bundle.bundle import Bundle
from undertow.training.churn import curves
from undertow.training.churn.baselines import Baseline, fit_baselines
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.encoding import encode, fit_columns
from undertow.training.examples.person_periods import numbers
from undertow.training.examples.split import make_examples
from undertow.training.registry.tracking import open_registry
from undertow.training.train import train

ALL_SNAPSHOTS = 10_000_000  # the ceiling learns from all of them
MEMORY = "8GB"  # of DuckDB: ten times the accounts do not fit the default of 2 GB


@dataclass(frozen=True)
class RecordedWorld:
    """A simulated world, and the tables that its company recorded."""

    world: World
    settings: Settings
    tables: Tables

    def rows(self, as_ofs: Sequence[datetime]) -> pa.Table:
        """Return the feature rows of all accounts at risk at these as_ofs."""
        return build_features(self.settings, self.tables, as_ofs).read(as_ofs)


@dataclass(frozen=True)
class TrainedWorld(RecordedWorld):
    """A simulated world, the tables that its company recorded, and the models that were trained on them.

    `bundle`: the one that training judged. `served`: the one that learned from everything known by the newest as_of, or
    the same where training did not fit again.
    """

    report: TrainReport
    bundle: Bundle
    served: Bundle

    def after_training(self) -> list[datetime]:
        """Return the as_ofs, month starts, whose outcomes training did not know; the newest last."""
        return [as_of for as_of in calendar(self.settings.snapshots, self.tables) if as_of >= self.report.dates.test[0]]

    def baselines(self) -> dict[int, tuple[Baseline, ...]]:
        """Return the baselines of training, by horizon in days."""
        dates = self.report.dates
        features = build_features(self.settings, self.tables, dates.every)
        with open_database(self.settings) as database:
            churn = self.settings.churn
            learn = make_examples(database, churn, self.tables, features, dates.train, dates.train_known_at)
        columns = fit_columns(features.catalogue.columns, learn.rows)
        return fit_baselines(learn, columns, self.bundle.ends)


@dataclass(frozen=True)
class Predictions:
    """A model's predictions at one as_of: churn probabilities (n, H), by cause (n, H, 2), and 12-month CLV (n,).

    `clv_interval`: (2, n), low and high. `value_at_risk`: (n,), lost to leaving within the headline horizon.
    `mrr`: (n,), at as_of.
    """

    probability: np.ndarray
    by_cause: np.ndarray
    clv: np.ndarray
    clv_interval: np.ndarray
    value_at_risk: np.ndarray
    mrr: np.ndarray


@dataclass(frozen=True)
class GroundTruth:
    """The ground truth of the same accounts at one as_of: churn probabilities by cause (n, H, 2), and future MRR."""

    by_cause: np.ndarray
    futures: Futures

    @property
    def probability(self) -> np.ndarray:
        """Return the true churn probabilities, shape (n, H)."""
        return np.asarray(self.by_cause.sum(axis=2))


def train_on_world(p: Parameters, seed: int, folder: Path, report_progress: Progress) -> TrainedWorld:
    """Simulate a world, train on its tables (never on its ground truth), and return both."""
    settings = make_project(p, seed, folder, report_progress)
    report = train(settings, now(), report_progress)
    champion = open_registry(settings).champion()
    assert champion is not None
    tables = load_tables(settings, now(), report_progress)
    return TrainedWorld(run(p, seed), settings, tables, report, champion.judged, champion.bundle)


def model_of_world(p: Parameters, seed: int, folder: Path, report_progress: Progress, cache: Path | None) -> Bundle:
    """Return the model that is trained on a world; read it from the folder `cache` if it is kept there."""
    if cache is None:
        return train_on_world(p, seed, folder, report_progress).bundle
    kept = kept_model(p, seed, cache)
    if not kept.exists():
        unfinished = kept.with_suffix(".unfinished")
        train_on_world(p, seed, folder, report_progress).bundle.save(unfinished)
        unfinished.replace(kept)
    return Bundle.load(kept)


def kept_model(p: Parameters, seed: int, cache: Path) -> Path:
    """Return where a world's model is kept: by a hash of the world and of the whole source of features and training."""
    key = sha256(json.dumps([asdict(p), seed], default=str).encode())
    for top in (features, training):
        for file in sorted(Path(top.__file__).parent.rglob("*.py")):
            key.update(file.read_bytes())
    return cache / f"model-{key.hexdigest()[:24]}"


def record_world(p: Parameters, seed: int, folder: Path, report_progress: Progress) -> RecordedWorld:
    """Simulate a world and load its tables, without training on them."""
    settings = make_project(p, seed, folder, report_progress)
    return RecordedWorld(run(p, seed), settings, load_tables(settings, now(), report_progress))


def make_project(p: Parameters, seed: int, folder: Path, report_progress: Progress) -> Settings:
    """Simulate a world and write its tables and settings as a project of its own."""
    simulate(p, folder / "data", seed=seed, progress=lambda share: report_progress("simulating", share))
    written = write_project("demo", folder / "data", folder / "project")
    with written.open("a", encoding="utf-8") as file:
        file.write(f'\n[engine]\nmemory_limit = "{MEMORY}"\n\n[training]\nmax_snapshots = {ALL_SNAPSHOTS}\n')
    return load_settings(folder / "project")


def predict(bundle: Bundle, rows: pa.Table) -> Predictions:
    """Return a model's predictions for feature rows, without contributions."""
    log_odds = bundle.log_odds(rows)
    survival = curves.survival(log_odds)
    outlook = bundle.outlook(encode(bundle.columns, rows), rows)
    values = outlook.values(survival, bundle.ends, bundle.value, bundle.headline)
    interval = outlook.interval(values["clv"], bundle.value, bundle.intervals)
    return Predictions(
        probability=1.0 - survival,
        by_cause=curves.incidence(log_odds),
        clv=values["clv"],
        clv_interval=np.stack(interval),
        value_at_risk=values["value_at_risk"],
        mrr=numbers(rows, "mrr"),
    )


def with_ground_truth(
    world: World, as_of: datetime, rows: pa.Table, horizons: Sequence[int], paths: int, cache: Path | None
) -> tuple[pa.Table, GroundTruth]:
    """Return the feature rows of accounts that have truly not left at as_of, and their ground truth, row by row.

    Accounts that left before as_of but whose exit was not yet recorded are in `rows` and have no future to predict.
    """
    at = moment(world, as_of.date())
    account = account_numbers(rows)
    position = np.searchsorted(at.at_risk, account)
    is_at_risk = at.at_risk[np.minimum(position, len(at.at_risk) - 1)] == account
    futures = true_futures(world, at.day, at.at_risk, horizons, 12, paths, cache)
    kept = position[is_at_risk]
    futures = Futures(futures.lost[:, :, kept], futures.mrr[:, kept], futures.paid[kept])
    return rows.filter(pa.array(is_at_risk)), GroundTruth(np.moveaxis(futures.lost, 2, 0), futures)


def true_futures(
    world: World, day: int, accounts: np.ndarray, horizons: Sequence[int], months: int, paths: int, cache: Path | None
) -> Futures:
    """Return the simulated futures of accounts; read them from the folder `cache` if they are kept there.

    They are kept under a hash of everything that they depend on, the source of the simulator included.
    """
    if cache is None:
        return look_ahead(world, day, accounts, horizons, months=months, paths=paths)
    given = [asdict(world.parameters), world.seed, day, accounts.tolist(), list(horizons), months, paths]
    key = sha256(json.dumps(given, default=str).encode() + simulator_source()).hexdigest()[:24]
    file = cache / f"futures-{key}.npz"
    if file.exists():
        with np.load(file) as kept:
            return Futures(kept["lost"], kept["mrr"], kept["paid"])
    futures = look_ahead(world, day, accounts, horizons, months=months, paths=paths)
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".unfinished.npz")
    np.savez(unfinished, lost=futures.lost, mrr=futures.mrr, paid=futures.paid)
    unfinished.replace(file)
    return futures


def simulator_source() -> bytes:
    """Return the source of the simulator but for its recorded tables, on which no future depends."""
    return b"".join(file.read_bytes() for file in sorted(Path(simulator.__file__).parent.glob("*.py")))


def account_numbers(rows: pa.Table) -> np.ndarray:
    """Return the account numbers, shape (n,): 42 for 'A-00042'."""
    return np.array([int(name[2:]) for name in rows["account_id"].to_pylist()])


def now() -> datetime:
    """Return the present time, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)
