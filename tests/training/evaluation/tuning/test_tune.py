"""Tuning as a step of training: skipped for thin data, judged by the gate, and searched in the training part alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.trained_world import NOW
from undertow.features.build.feature_table import build_features
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.training.churn.trees import TunedTraining
from undertow.training.evaluation.gate import Verdict, decide
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.evaluation.tuning.report import TuningReport
from undertow.training.evaluation.tuning.tune import NOT_BETTER, NOT_MATURED, tune
from undertow.training.examples.split import choose_dates
from undertow.training.fit import TrainingSet, training_set
from undertow.training.train import train

TRIALS = 3
CHURNED = np.arange(200) % 4 == 0
Gate = Callable[[Settings], Verdict | None]
Tune = Callable[[Gate], tuple[Settings, TuningReport]]


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


@pytest.fixture
def tuned(world: Settings, given: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> Tune:
    """Tune in the training part of the small world, as if its few churners were many."""
    monkeypatch.setattr("undertow.training.evaluation.tuning.tune.THIN", 20)
    learned = given.learn, given.columns, given.ends
    return lambda gate: tune(world, *learned, TRIALS, gate, lambda what, share: None)


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
def test_tuned_settings_are_used_only_where_the_gate_is_for_them(
    tuned: Tune, world: Settings, verdict: Verdict | None, is_used: bool
) -> None:
    asked: list[Settings] = []

    def gate(changed: Settings) -> Verdict | None:
        asked.append(changed)
        return verdict

    settings, report = tuned(gate)
    [changed] = asked
    assert report.best > 0 and report.loss is not None and report.default_loss is not None
    assert report.loss < report.default_loss
    assert isinstance(changed.training, TunedTraining)
    assert settings is (changed if is_used else world)
    assert report.is_used == is_used
    assert (NOT_MATURED in report.note) == (verdict is None)


def test_training_searches_in_the_training_part_alone_and_compares_on_the_held_out_test(
    tuned: Tune, copied: Settings
) -> None:
    """The losses are those of a search that was given no held-out example."""
    _, alone = tuned(lambda changed: None)
    report = train(copied, NOW, trials=TRIALS)
    found = report.tuning
    assert found is not None and found.verdict is not None and found.verdict.gain is not None
    assert (found.best, found.loss, found.default_loss) == (alone.best, alone.loss, alone.default_loss)
    assert found.note in report.notes
    assert report.as_json()["tuning"] == found.as_json()
    assert NOT_BETTER not in found.note
