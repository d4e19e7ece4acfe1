"""The choice of a recipe: parts that add up unless free trees are clearly better, judged forward in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest

from tests.training.churn.made_rows import COLUMNS, FAST, NOISE, PAIN, SIZE, column, made_rows, roles
from undertow.training.churn.position import FOLDS, fit_position
from undertow.training.churn.recipe import (
    RIDGES,
    TESTED,
    Compared,
    Recipe,
    _best_ridge,
    _best_stages,
    _Candidates,
    _worse,
    cautious,
    choose_recipes,
    compare_models,
    regression,
    scored_features,
)
from undertow.training.churn.roles import Roles, roles_of
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.examples.split import THIN


def _choose(rows: TrainingRows, of: Roles) -> Recipe:
    offset = fit_position(rows, "voluntary", of.position, 1).cross_fitted(rows)
    return choose_recipes([compare_models(rows, "voluntary", of, offset, scored_features(rows, of), FAST, 1)])[0]


def _candidates(rows: TrainingRows) -> _Candidates:
    offset = np.zeros(rows.entered.shape)
    return _Candidates(rows, "voluntary", roles(), offset, scored_features(rows, roles()), FAST, 1)


def test_parts_that_add_up_are_chosen_where_the_truth_adds_up() -> None:
    recipe = _choose(made_rows(), roles())
    assert recipe.structured
    assert recipe.why.startswith("Parts that add up by family: held-out log loss 0.")


def test_free_trees_are_chosen_where_families_only_matter_together() -> None:
    random = np.random.default_rng(2)
    rows = made_rows(6000, pain=0.0, size=0.0)
    both = np.sign(rows.inputs.features[:, PAIN] * rows.inputs.features[:, NOISE])
    events = random.uniform(size=rows.entered.shape) < 1 / (1 + np.exp(-(-2.0 + 1.8 * both[:, None])))
    rows.events["voluntary"][:] = events & rows.entered
    recipe = _choose(rows, roles())
    assert not recipe.structured and recipe.why.startswith("Free trees: held-out log loss 0.")


def test_columns_that_do_not_feed_are_read_only_where_they_help() -> None:
    some = roles_of(tuple(column(*one, feeds=one[0] != "pain") for one in COLUMNS))
    assert PAIN not in some.narrow and PAIN in some.wide
    assert _choose(made_rows(), some).wide
    assert not _choose(made_rows(6000, pain=0.0, seed=1), some).wide


def test_candidates_learn_from_earlier_as_ofs_and_other_accounts() -> None:
    candidates = _candidates(made_rows(600))
    day, account = candidates.rows.inputs.day, candidates.rows.account
    for learn, judge in candidates.splits(FOLDS):
        assert day[learn].max() < day[judge].min()
        assert not set(account[learn]) & set(account[judge])
    assert candidates.judged(TESTED).sum() == pytest.approx(600 * (2 / 6) * (3 / 5), rel=0.1)


def test_two_as_ofs_are_not_split_in_time() -> None:
    rows = made_rows(600)
    rows.inputs.day[:] = 19_000.0
    assert _candidates(rows).is_later.all()


def test_worse_counts_standard_errors_of_the_difference_over_accounts() -> None:
    one, other = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 1.0, 1.0])
    assert _worse(one, other) == pytest.approx(6.0 / (2.0 * np.std([0, 1, 2, 3])))
    assert _worse(one, one) == 0.0


def test_directions_bind_deviations_alone() -> None:
    rows = made_rows(3000, pain=0.0)
    model = regression(rows, "voluntary", roles(), scored_features(rows, roles()), False, 1.0, np.zeros((3000, 2)))
    place = model.columns.index(PAIN)
    assert min(model.lasting[place], model.recent[place]) >= 0.0
    assert roles().direction.tolist()[: len(COLUMNS)] == [1.0, 0.0, 0.0, 0.0]


def test_where_payments_fail_other_families_count_less() -> None:
    rows, nothing = made_rows(3000), np.zeros((3000, 2))
    rows.events["involuntary"][:] = rows.events["voluntary"]
    scored = scored_features(rows, roles())
    chosen, failed = (regression(rows, cause, roles(), scored, False, 3000.0, nothing) for cause in rows.events)
    place = chosen.columns.index(PAIN)
    assert 0 < failed.lasting[place] < 0.5 * chosen.lasting[place]


def test_contract_position_is_no_part_of_the_regression() -> None:
    assert SIZE in roles().position and SIZE not in roles().wide


def test_a_deviation_of_one_sign_is_restrained_less() -> None:
    rows, nothing = made_rows(3000), np.zeros((3000, 2))
    signed, free = roles(), replace(roles(), direction=np.zeros(len(roles().direction)))
    scored = scored_features(rows, signed)
    light, full = (regression(rows, "voluntary", of, scored, False, 3000.0, nothing) for of in (signed, free))
    place = light.columns.index(PAIN)
    assert light.lasting[place] > 2.0 * full.lasting[place] > 0


@dataclass(frozen=True)
class _Given:
    """Candidates of which the held-out losses per account are given: by penalty, and by number of trees."""

    losses: dict[float, dict[int, np.ndarray]]

    def linear(self, wide: bool, ridge: float) -> np.ndarray:
        return self.losses[ridge][0]

    def staged_trees(self, wide: bool, ridge: float) -> dict[int, np.ndarray]:
        return self.losses[ridge]

    def loss(self, log_odds: np.ndarray, folds: int) -> np.ndarray:
        return log_odds


BEST = np.ones(100)
NOISY = np.tile([-0.1, 0.1], 50)  # a difference of 100 accounts with this noise has a standard error of 1


def test_the_regression_alone_is_judged_first() -> None:
    losses = {300.0: {0: BEST + 0.2}, 1000.0: {0: BEST + 0.1}, 3000.0: {0: BEST}, 10_000.0: {0: BEST + 0.3}}
    assert _best_ridge(cast(_Candidates, _Given(losses)), False, 1000.0)[0] == 3000.0


@pytest.mark.parametrize("worse, chosen", [(0.004, (3000.0, 50)), (0.006, (1000.0, 0))])
def test_the_strongest_penalty_within_half_a_standard_error_of_the_best_is_taken(
    worse: float, chosen: tuple[float, int]
) -> None:
    near, far = BEST + NOISY + worse, BEST + NOISY + 0.02
    losses = {1000.0: {0: BEST, 50: far}, 3000.0: {0: far, 50: near}, 10_000.0: {0: far, 50: far}}
    assert _best_stages(cast(_Candidates, _Given(losses)), False, 1000.0)[:2] == chosen


def _compared(structured: np.ndarray, free: np.ndarray) -> Compared:
    return Compared(Recipe(True, False, 300.0, 50, ""), structured, free, 100)


def test_causes_are_judged_together() -> None:
    good, bad = _compared(BEST, BEST + NOISY + 0.1), _compared(BEST + NOISY + 0.01, BEST)
    assert [recipe.structured for recipe in choose_recipes([bad])] == [False]
    assert [recipe.structured for recipe in choose_recipes([good, bad])] == [True, True]
    assert choose_recipes([]) == []


def test_with_few_churners_there_are_no_trees_and_the_next_stronger_penalty() -> None:
    free = Recipe(False, False, 300.0, 50, "Free trees.")
    assert cautious(free, THIN) == free
    thin = cautious(free, THIN - 1)
    assert (thin.structured, thin.trees, thin.ridge) == (True, 0, 1000.0)
    assert "99 churners, under 100" in thin.why
    assert cautious(Recipe(True, False, max(RIDGES), 0, ""), 30).ridge == max(RIDGES)
