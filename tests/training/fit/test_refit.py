"""The served model: fitted again on every outcome known by now, where its recipe has won on the held-out test."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.trained_world import NOW
from undertow.features.replay.replay import Finding
from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import Verdict
from undertow.training.evaluation.held_out import MODEL
from undertow.training.evaluation.intervals import Estimate
from undertow.training.evaluation.performance import Result
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.training_data import TrainingData, training_data
from undertow.training.fit.fit import TrainingSet, training_set, whole_set
from undertow.training.fit.refit import Served, refit
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import register_judged
from undertow.training.train import train


def result(model: str, log_loss: float, total: float = 1.0, horizon: int = 90) -> Result:
    """Return a result whose predicted / observed has an interval of 0.2 to each side."""
    metrics = {"log_loss": Estimate(log_loss, 0.0, 1.0), "calibration": Estimate(total, total - 0.2, total + 0.2)}
    return Result(model, horizon, 500, 60, metrics)


WON = (result(MODEL, 0.20), result("base rate", 0.25), result("logistic regression", 0.21))
LEAK = Finding("failure", "gain", "accounts.closed", "one column decides nearly alone.")


@pytest.fixture(scope="module")
def prepared(world: Settings) -> tuple[TrainingData, TrainingSet]:
    data = training_data(world, NOW)
    return data, training_set(world, data.tables, data.features, data.dates)


@pytest.fixture(scope="module")
def served(world: Settings, bundle: Bundle, prepared: tuple[TrainingData, TrainingSet]) -> Served:
    data, given = prepared
    return refit(world, data, bundle, given, WON, (), lambda what, share: None)


def test_it_learns_from_every_outcome_known_by_the_end_of_the_rows(
    world: Settings, prepared: tuple[TrainingData, TrainingSet], served: Served, report: TrainReport
) -> None:
    (data, judged), until = prepared, prepared[0].tables.until
    whole = whole_set(world, data.tables, data.features, data.whole, judged)
    assert served.bundle.trained_until == f"{until:%Y-%m-%d}"
    assert set(whole.dates.train) > {*judged.dates.train, *report.dates.test}
    shortest, grace = timedelta(days=world.training.horizons[0]), timedelta(days=world.churn.grace_days)
    assert max(whole.dates.train) + shortest + grace <= until
    assert len(whole.learn) > len(judged.learn) + len(judged.held_out)


def test_the_recipe_and_the_horizons_are_those_that_were_judged(bundle: Bundle, served: Served) -> None:
    again = served.bundle
    assert again.version != bundle.version
    assert (again.ends, again.headline) == (bundle.ends, bundle.headline)
    assert [model.recipe for model in again.causes] == [model.recipe for model in bundle.causes]


def test_what_was_judged_is_told_from_what_is_served(bundle: Bundle, served: Served) -> None:
    assert f"on all outcomes known on {served.bundle.trained_until}" in served.note
    assert f"those of the model that learned until {bundle.trained_until}" in served.note


@pytest.mark.parametrize(
    ("results", "findings", "why"),
    [
        (WON, (LEAK,), "the leakage checks failed."),
        ((result(MODEL, 0.20, horizon=30),), (), "no held-out window of 90 days has matured."),
        ((*WON[:2], result("recency rule", 0.19)), (), "it does not beat the recency rule by log loss."),
        ((result(MODEL, 0.20, 1.3), *WON[1:]), (), "its predicted / observed is 1.30"),
    ],
)
def test_a_model_that_has_not_won_is_served_as_it_was_judged(
    world: Settings, bundle: Bundle, prepared: tuple[TrainingData, TrainingSet],
    results: tuple[Result, ...], findings: tuple[Finding, ...], why: str,
) -> None:  # fmt: skip
    data, given = prepared
    kept = refit(world, data, bundle, given, results, findings, lambda what, share: None)
    assert kept.bundle is bundle
    assert kept.note.startswith(f"Served as judged, not fitted again on outcomes after {bundle.trained_until}")
    assert why in kept.note


def test_the_registry_keeps_both_and_the_gate_compares_with_the_judged_one(
    copied: Settings, bundle: Bundle, served: Served
) -> None:
    registry = open_registry(copied)
    with registry.start_run():
        number, _ = register_judged(registry, served.bundle, lambda: Verdict(True, "Better."), NOW, bundle)
    champion = registry.champion()
    assert champion is not None and champion.number == number
    assert (champion.bundle.version, champion.judged.version) == (served.bundle.version, bundle.version)
    again = train(copied, NOW)
    assert "not surely better (log-loss gain +0.0000" in again.verdict.text


def test_a_version_that_was_not_fitted_again_is_judged_itself(copied: Settings, bundle: Bundle) -> None:
    registry = open_registry(copied)
    with registry.start_run():
        register_judged(registry, replace(bundle, version="alone"), lambda: Verdict(True, "Better."), NOW)
    champion = registry.champion()
    assert champion is not None and champion.judged is champion.bundle


def test_newer_outcomes_change_the_forecast(
    served: Served, bundle: Bundle, prepared: tuple[TrainingData, TrainingSet]
) -> None:
    rows = prepared[1].held_out.rows
    assert not np.allclose(served.bundle.probability(rows), bundle.probability(rows))
