"""The training job from end to end: on a simulated world, on pure noise, and where it must refuse."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

import mlflow
import numpy as np
import pandas as pd
import pytest

from tests.trained_world import NOW
from undertow.features.build.feature_table import build_features
from undertow.features.engines.database import open_database
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.performance import METRICS
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.split import make_examples
from undertow.training.registry.tracking import open_registry
from undertow.training.train import train

START = datetime(2023, 1, 1)
Project = Callable[..., Settings]
Rows = list[dict[str, object]]


def test_every_judged_horizon_has_the_model_and_its_baselines(report: TrainReport) -> None:
    judged = {result.horizon for result in report.results}
    assert {30, 60, 90} <= judged
    for horizon in judged:
        models = [result.model for result in report.results if result.horizon == horizon]
        assert models == [MODEL, "base rate", "recency rule", "logistic regression"]


def test_every_result_has_every_metric(report: TrainReport) -> None:
    for result in report.results:
        assert set(result.metrics) == set(METRICS)
        assert (result.rows, result.churners > 0) == (report.learned["test_snapshots"], True)


def test_at_the_headline_the_model_beats_the_base_rate(report: TrainReport) -> None:
    loss = {result.model: result.metrics["log_loss"].value for result in report.results if result.horizon == 90}
    assert loss[MODEL] < loss["base rate"]


def test_what_could_not_be_judged_or_learned_is_said(report: TrainReport) -> None:
    assert any(note.startswith("Thin data: ") for note in report.notes)
    assert "180 days: not judged, the window after the test has not matured." in report.notes
    assert "360 days: not enough followed history to learn from, so it is not served." in report.notes


def test_all_that_was_learned_was_known_before_the_test(world: Settings, report: TrainReport) -> None:
    dates, grace = report.dates, timedelta(days=world.churn.grace_days)
    assert max(dates.train) + timedelta(days=30) + grace <= dates.train_known_at <= min(dates.test)
    tables = load_tables(world, NOW)
    features = build_features(world, tables, dates.train)
    with open_database(world) as database:
        learn = make_examples(database, world.churn, tables, features, dates.train, dates.train_known_at)
    seen = np.array(learn.rows["as_of"].to_numpy(), dtype="datetime64[us]")
    last = seen + (learn.outcomes.followed_days * 86400e6).astype("timedelta64[us]") + np.timedelta64(grace)
    assert last.max() <= np.datetime64(min(dates.test))
    assert len(learn) == report.learned["train_snapshots"]


def test_a_second_run_on_the_same_data_does_not_replace_the_champion(copied: Settings, report: TrainReport) -> None:
    again = train(copied, NOW)
    assert report.verdict.promoted
    assert not again.verdict.promoted
    assert "not surely better (log-loss gain +0.0000" in again.verdict.text
    assert again.number == report.number + 1
    assert [r.metrics["auroc"] for r in again.results] == [r.metrics["auroc"] for r in report.results]
    champion = open_registry(copied).champion()
    assert champion is not None and champion.number == report.number


# --- leakage -----------------------------------------------------------------------------------


def _with_a_tombstone(settings: Settings) -> Settings:
    """Add a column to accounts that was filled in when a customer left."""
    path = settings.folder / "data" / "accounts.parquet"
    accounts, ends = pd.read_parquet(path), pd.read_parquet(path.with_name("subscriptions.parquet"))
    left = ends[ends["end_reason"].isin(["cancelled", "payment_failed"])]["account_id"]
    accounts["closed_reason"] = np.where(accounts["account_id"].isin(left), "price", None)
    accounts.to_parquet(path, index=False)
    return settings


def test_a_model_on_a_column_that_leaks_is_no_champion(copied: Settings, report: TrainReport) -> None:
    leaky = train(_with_a_tombstone(copied), NOW)
    assert not leaky.verdict.promoted
    assert leaky.verdict.text.startswith("It is no champion: accounts.closed_reason")
    assert {each.culprit for each in leaky.findings if each.severity == "failure"} == {"accounts.closed_reason"}
    champion = open_registry(copied).champion()
    assert champion is not None and champion.number == report.number
    run = mlflow.get_run(leaky.run_id)
    assert "failure: accounts.closed_reason" in run.data.tags["audit"]
    assert run.data.tags["refused"].startswith("Refused: ") and run.data.metrics["refused_rows"] > 0


# --- pure noise, and too little ----------------------------------------------------------------


def lives(
    accounts: int, rate: float, until: int, random: np.random.Generator, notice_days: int = 0
) -> tuple[Rows, Rows, Rows]:
    """Accounts, subscriptions and logins of lives that end by chance alone, `rate` a day, whatever happens.

    Every second leaver gives notice `notice_days` ahead.
    """
    who, paid, logins = Rows(), Rows(), Rows()
    for number in range(accounts):
        start = int(random.integers(0, until - 60))
        end = start + max(1, int(random.exponential(1 / rate)))
        told = max(start, end - notice_days * (number % 2))
        left = _day(end) if told < until else ""
        segment = str(random.choice(["large", "small"]))
        who.append({"account_id": f"a{number}", "created_at": _day(start), "segment": segment})
        paid.append({"subscription_id": number, "account_id": f"a{number}", "started_at": _day(start), "ended_at": left,
                     "end_recorded_at": _day(told) if left else "", "mrr": int(random.integers(10, 500))})  # fmt: skip
        for day in np.flatnonzero(random.uniform(size=min(end, until) - start) < random.uniform(0.05, 0.4)):
            logins.append({"account_id": f"a{number}", "occurred_at": _day(start + int(day)), "kind": "login"})
    return who, paid, logins


def _day(number: int) -> str:
    return f"{START + timedelta(days=number):%Y-%m-%d}"


def world_of(project: Project, lived: tuple[Rows, Rows, Rows], toml: str) -> Settings:
    files = ("accounts.csv", "subscriptions.csv", "events.csv")
    small = "trees = 40\nseeds = 1\nbootstrap = 100\nhorizons = [30, 60, 90]"
    return project(dict(zip(files, lived, strict=True)), f"{toml}\n[training]\n{small}\n")


@pytest.fixture(params=[(0, 3), (45, 6)], ids=["no notice", "notice"])
def noise(request: pytest.FixtureRequest, project: Project, world: Settings) -> tuple[Settings, int]:
    """A project in which nothing but a notice foretells anything, and the days of notice.

    Its MLflow database is a migrated one, to save time.
    """
    notice_days, seed = request.param
    dates = [f"2023-{month:02d}-01" for month in range(4, 13)]
    toml = f"[data]\nuntil = 2024-04-15\n[snapshots]\ndates = [{', '.join(dates)}]"
    settings = world_of(project, lives(900, 1 / 400, 520, np.random.default_rng(seed), notice_days), toml)
    settings.store_path().mkdir()
    shutil.copy(world.store_path("mlflow.db"), settings.store_path("mlflow.db"))
    return settings, notice_days


def test_from_pure_noise_nothing_is_learned(noise: tuple[Settings, int]) -> None:
    """An observation date that depends on the outcome would give an AUROC of 0.77 here, and so would notices."""
    settings, notice_days = noise
    report = train(settings, NOW)
    learned, champion = report.learned, open_registry(settings).champion()
    assert champion is not None and champion.bundle.notice_probability == 1.0
    assert (learned["train_notices"] > 20 and learned["test_notices"] > 10) == (notice_days > 0)
    assert learned["test_notices_left"] == learned["test_notices_matured"] == learned["test_notices"]
    assert any("had given notice at the test as_of" in note for note in report.notes) == (notice_days > 0)
    [result] = [result for result in report.results if (result.model, result.horizon) == (MODEL, 90)]
    auroc, calibration = result.metrics["auroc"], result.metrics["calibration"]
    assert result.churners > 50
    error = (auroc.high - auroc.low) / 3.92  # of the 95 % interval
    assert abs(auroc.value - 0.5) <= 3 * error
    assert calibration.low <= 1 <= calibration.high


def test_fewer_churners_than_a_model_needs_are_refused_with_how_many_are_missing(project: Project) -> None:
    settings = world_of(project, lives(60, 1 / 1500, 450, np.random.default_rng(0)), "")
    told: dict[str, float] = {}
    with pytest.raises(ModelRefusal, match=r"a model needs at least 20 .*: \d+ are missing") as refusal:
        train(settings, NOW, lambda what, share: told.update({what: share}))
    found, missing = (int(number) for number in re.findall(r"(\d+) (?:accounts were|are missing)", str(refusal.value)))
    assert 0 < found < 20 and found + missing == 20
    assert told["features"] == 1.0
    assert not settings.store_path("mlflow.db").exists()


def test_without_a_matured_window_nothing_is_trained(project: Project) -> None:
    settings = world_of(project, lives(60, 1 / 100, 150, np.random.default_rng(0)), "")
    with pytest.raises(
        ModelRefusal, match=r"No held-out test is possible: the window of 90 days from 2023-0.* only fully observed"
    ):
        train(settings, NOW)
