"""The trees: a bag of boosters that differ, smaller ones for thin data, and the same whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.churn.made_rows import COLUMNS, FAST, PAIN, SIZE, inputs, made_rows, roles
from undertow.training.churn.recipe import family_trees, free_trees
from undertow.training.churn.trees import TreeFactors, TreeModel, TunedTraining, fit_trees, parameters

GIVEN = inputs(np.random.default_rng(9).normal(size=(6, len(COLUMNS))))


def _fit(threads: int = 1) -> TreeModel:
    plan = free_trees(roles(), wide=False, number=30, cause="voluntary")
    return fit_trees(made_rows(), "voluntary", plan, None, FAST, threads)


def test_log_odds_are_the_mean_of_a_bag_whose_members_differ() -> None:
    model, matrix = _fit(), GIVEN.matrix(_fit().columns)
    one, other = (booster.predict(matrix, raw_score=True) for booster in model.boosters)
    assert not np.array_equal(one, other)
    assert model.log_odds(GIVEN).ravel() == pytest.approx((one + other) / 2)


def test_two_fits_are_equal_whatever_the_threads() -> None:
    one, other = _fit(threads=1), _fit(threads=2)
    assert [b.model_to_string() for b in one.boosters] == [b.model_to_string() for b in other.boosters]


def test_they_keep_the_total_and_find_what_matters() -> None:
    rows = made_rows()
    p = 1 / (1 + np.exp(-_fit().log_odds(rows.inputs)))
    assert (p * rows.entered).sum() == pytest.approx(rows.events["voluntary"].sum(), rel=0.1)
    assert np.corrcoef(p[:, 0], rows.inputs.features[:, PAIN])[0, 1] > 0.5


def test_contributions_and_a_constant_add_up_to_the_log_odds() -> None:
    model, total = _fit(), np.zeros((6, 4 + GIVEN.covariates.shape[2], 2))
    model.add_contributions(GIVEN, total)
    rest = model.log_odds(GIVEN) - total.sum(axis=1)
    assert rest == pytest.approx(np.full(rest.shape, rest[0, 0]), abs=1e-9)


def test_trees_by_family_start_from_the_stages_before() -> None:
    rows, plan = made_rows(), family_trees(roles(), wide=False, number=30, cause="voluntary")
    assert SIZE not in plan.columns
    known = np.where(rows.inputs.features[:, [PAIN]] > 0, 1.0, -1.0) * np.ones((1, 2)) - 2.0
    alone, after = (fit_trees(rows, "voluntary", plan, start, FAST, 1) for start in (None, known))
    spread = [np.ptp(model.log_odds(rows.inputs)) for model in (alone, after)]
    assert spread[1] < spread[0]


def test_thin_data_get_smaller_trees_and_no_class_weights() -> None:
    thin, thick = parameters(4_999, 499, 100, FAST, 0), parameters(5_000, 500, 280, FAST, 0)
    assert (thin["num_leaves"], thick["num_leaves"]) == (7, 15)
    assert (thin["min_child_samples"], thick["min_child_samples"]) == (30, 100)
    assert (thin["colsample_bytree"], thick["colsample_bytree"]) == (0.5, 0.25)  # 70 of 280 columns a tree
    assert not {"scale_pos_weight", "is_unbalance", "class_weight"} & set(thin)


def test_factors_of_1_change_nothing_and_others_stay_within_what_lightgbm_takes() -> None:
    defaults = parameters(5_000, 500, 100, FAST, 0)
    assert TreeFactors().applied(defaults) == defaults
    many = TreeFactors(3.0, 0.001, 0.1, 3.0, 1.25, 2.0).applied(defaults)
    assert (many["num_leaves"], many["min_child_samples"], many["reg_lambda"]) == (45, 1, 1.0)
    assert (many["colsample_bytree"], many["subsample"], many["learning_rate"]) == (1.0, 1.0, 0.06)
    assert TreeFactors(num_leaves=0.01).applied(defaults)["num_leaves"] == 2


def test_trees_are_fitted_with_the_factors_of_tuned_settings() -> None:
    rows, plan = made_rows(), free_trees(roles(), wide=False, number=3, cause="voluntary")
    smaller = TunedTraining(**FAST.model_dump(), factors=TreeFactors(num_leaves=0.3))
    models = [fit_trees(rows, "voluntary", plan, None, settings, 1) for settings in (FAST, smaller)]
    leaves = [model.boosters[0].trees_to_dataframe()["left_child"].isna().sum() for model in models]
    assert leaves == [3 * 15, 3 * 4]
