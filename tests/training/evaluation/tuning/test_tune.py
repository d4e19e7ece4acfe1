"""Tuning as a step of training: skipped for thin data, judged by the gate, and searched in the training part alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.trained_world import NOW
from undertow.features.build.feature_table import build_features
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.training.churn.trees import TreeFactors, TunedTraining
from undertow.training.evaluation.gate import Verdict, decide
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.tuning.search import Trial
from undertow.training.evaluation.tuning.tune import NOT_BETTER, NOT_MATURED, choose, tune
from undertow.training.examples.split import choose_dates
from undertow.training.fit.fit import TrainingSet, training_set
from undertow.training.train import against_defaults, train

TRIALS = 2
CHURNED = np.arange(200) % 4 == 0
FOUND = (Trial(TreeFactors(), 0.3), Trial(TreeFactors(num_leaves=2.0), 0.2), Trial(TreeFactors(subsample=0.7), 0.25))


def verdict_of(p: np.ndarray) -> Verdict:
    """The verdict on probabilities beside a constant one."""
    return decide(p, np.full(200, 0.25), HeldOutLabels(CHURNED, np.arange(200)), resamples=50)


def never(changed: Settings) -> Verdict | None:
    raise AssertionError("the held-out test is not asked")


@pytest.fixture(scope="module")
def given(world: Settings) -> TrainingSet:
    tables = load_tables(world, NOW)
    dates = choose_dates(world, tables)
    return training_set(world, tables, build_features(world, tables, dates.every), dates)


def test_with_thin_data_nothing_is_searched(world: Settings, given: TrainingSet) -> None:
    learned = given.learn, given.columns, given.ends
    settings, report = tune(world, *learned, TRIALS, never, lambda what, share: None)
    assert settings is world
    assert (report.trials, report.is_used) == (0, False)
    assert report.note.startswith("Not tuned: ") and report.note.endswith("from 100 on. The defaults are used.")


@pytest.mark.parametrize(
    ("verdict", "is_used"),
    [(verdict_of(np.where(CHURNED, 0.7, 0.1)), True), (verdict_of(np.full(200, 0.25)), False), (None, False)],
    ids=["surely better", "not surely better", "not matured"],
)
def test_tuned_settings_are_used_only_where_the_gate_is_for_them(verdict: Verdict | None, is_used: bool) -> None:
    defaults = Settings(folder=Path())
    asked: list[Settings] = []

    def gate(changed: Settings) -> Verdict | None:
        asked.append(changed)
        return verdict

    settings, report = choose(defaults, FOUND, gate)
    [changed] = asked
    assert isinstance(changed.training, TunedTraining) and changed.training.factors == FOUND[1].factors
    assert settings is (changed if is_used else defaults)
    assert (report.best, report.loss, report.default_loss, report.is_used) == (1, 0.2, 0.3, is_used)
    assert (NOT_MATURED in report.note) == (verdict is None)


def test_where_the_defaults_are_the_best_the_held_out_test_is_not_asked() -> None:
    defaults = Settings(folder=Path())
    settings, report = choose(defaults, (FOUND[1], FOUND[2]), never)
    assert settings is defaults
    assert NOT_BETTER in report.note


def test_a_model_with_the_same_settings_is_not_surely_better(world: Settings, given: TrainingSet) -> None:
    verdict = against_defaults(world, world, "EUR", given, None)
    assert verdict is not None and verdict.gain is not None
    assert (verdict.gain.value, verdict.promoted) == (0.0, False)


def test_training_searches_in_the_training_part_alone(
    copied: Settings, given: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses are those of a search that was given no held-out example."""
    monkeypatch.setattr("undertow.training.evaluation.tuning.tune.THIN", 20)  # the few churners of the small world do
    learned = given.learn, given.columns, given.ends
    _, alone = tune(copied, *learned, TRIALS, lambda changed: None, lambda what, share: None)
    report = train(copied, NOW, trials=TRIALS)
    found = report.tuning
    assert found is not None
    assert (found.best, found.loss, found.default_loss) == (alone.best, alone.loss, alone.default_loss)
    assert found.note in report.notes
    assert report.as_json()["tuning"] == found.as_json()
