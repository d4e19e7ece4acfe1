"""The search: trial 0 is the defaults, better settings are found where there are any, and two searches agree."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.training.churn.made_rows import COLUMNS, ENDS, FAST, inputs, roles
from undertow.features.errors import SettingsError
from undertow.features.settings import Training
from undertow.training.churn.hazard import compare_causes
from undertow.training.churn.recipe import chosen_loss, scored_features
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.churn.trees import TreeFactors, TunedTraining
from undertow.training.evaluation.tuning.search import RANGES, Trial, best_of, require_optuna, search, tuned

SLOW = FAST.model_copy(update={"seeds": 1, "learning_rate": 0.005})  # far too small steps: larger ones are better


def stepped_rows(n: int = 1000) -> TrainingRows:
    """Accounts that leave at once where pain is high and size is low, which only trees can express."""
    random = np.random.default_rng(3)
    features = random.normal(size=(n, len(COLUMNS)))
    often = (features[:, 0] > 0.5) & (features[:, 3] < 0.5)
    left = random.uniform(size=(n, len(ENDS))) < np.where(often, 0.5, 0.03)[:, None]
    entered = np.ones((n, len(ENDS)), dtype=bool)
    entered[:, 1] = ~left[:, 0]
    events = {"voluntary": left & entered, "involuntary": np.zeros_like(left)}
    return TrainingRows(inputs(features, 19_000.0 + 30.0 * (np.arange(n) % 6)), entered, events, np.arange(n))


@pytest.fixture(scope="module")
def trials() -> tuple[Trial, ...]:
    return search(stepped_rows(), roles(), SLOW, 1, 7)


def test_trial_0_is_the_defaults_with_the_loss_by_which_recipes_are_chosen(trials: tuple[Trial, ...]) -> None:
    rows = stepped_rows()
    _, compared = compare_causes(rows, roles(), scored_features(rows, roles()), SLOW, 1)
    assert trials[0] == Trial(TreeFactors(), chosen_loss(compared).sum() / compared[0].judged)


def test_better_settings_are_found_where_the_defaults_can_be_beaten(trials: tuple[Trial, ...]) -> None:
    best = best_of(trials)
    assert best.loss < trials[0].loss
    assert best.factors.learning_rate > 1


def test_two_searches_agree_and_a_longer_one_begins_with_the_shorter(trials: tuple[Trial, ...]) -> None:
    assert search(stepped_rows(), roles(), SLOW, 2, 3) == trials[:3]


def test_every_factor_lies_in_its_range_and_trials_differ(trials: tuple[Trial, ...]) -> None:
    for name, (low, high) in RANGES.items():
        tried = [getattr(trial.factors, name) for trial in trials]
        assert all(low <= factor <= high for factor in tried)
        assert len(set(tried)) == len(trials)


def test_of_equal_losses_the_earliest_trial_is_the_best() -> None:
    default, other = Trial(TreeFactors(), 0.2), Trial(TreeFactors(subsample=0.7), 0.2)
    assert best_of((default, other)) == default


def test_settings_with_the_default_factors_are_those_of_the_project() -> None:
    assert tuned(FAST, TreeFactors()) is FAST
    changed = tuned(FAST, TreeFactors(num_leaves=2.0))
    assert isinstance(changed, TunedTraining) and changed.factors.num_leaves == 2.0
    assert Training(**changed.model_dump(exclude={"factors"})) == FAST


def test_without_optuna_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)  # as Python marks a module that cannot be imported
    with pytest.raises(SettingsError, match=r"--tune needs Optuna, .* pip install 'undertow\[tune\]'"):
        require_optuna()


def test_nothing_is_printed_and_the_level_of_optunas_log_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    search(stepped_rows(400), roles(), SLOW, 1, 2)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")
