"""TreeSHAP values by tables of decisions: those that LightGBM's `pred_contrib` returns, whatever is unknown."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from tests.training.churn.made_rows import COLUMNS, FAST, inputs, made_rows, roles
from undertow.training.churn.recipe import free_trees
from undertow.training.churn.tree_shap import AT_ONCE, tree_shap, tree_tables
from undertow.training.churn.trees import MANY_ROWS, fit_trees

SMALL = {"objective": "binary", "num_leaves": 15, "max_depth": 8, "min_child_samples": 5, "verbosity": -1, "seed": 1}


def _matrix(n: int, seed: int) -> np.ndarray:
    """Six columns: whole numbers, a rare flag, and unknown values in half of them."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n, 6))
    matrix[:, 1] = np.round(matrix[:, 1])
    matrix[:, 2] = random.random(n) < 0.02
    matrix[:, 3:][random.random((n, 3)) < 0.2] = np.nan
    return matrix


def _booster(rounds: int = 40, seed: int = 0, **parameters: object) -> lgb.Booster:
    matrix = _matrix(800, seed)
    pull = matrix[:, 0] + matrix[:, 2] * 3 + np.where(np.isnan(matrix[:, 3]), 1.0, matrix[:, 3])
    label = np.random.default_rng(seed).random(800) < 1 / (1 + np.exp(-pull))
    return lgb.train(SMALL | parameters, lgb.Dataset(matrix, label=label), num_boost_round=rounds)


def _by_tables(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    tables = tree_tables(booster)
    assert tables is not None
    return tree_shap(tables, matrix.T).T


@pytest.mark.parametrize("seed", range(4))
def test_values_equal_those_of_lightgbm(seed: int) -> None:
    booster, matrix = _booster(seed=seed), _matrix(500, seed + 100)
    matrix[:7] = np.nan  # also where training never met an unknown value
    matrix[7:14] = np.inf
    matrix[14:21] = -np.inf
    expected = np.asarray(booster.predict(matrix, pred_contrib=True))[:, :-1]
    assert np.abs(expected).max() > 0.1
    assert _by_tables(booster, matrix) == pytest.approx(expected, abs=1e-12)


def test_a_value_on_a_threshold_goes_left() -> None:
    booster = _booster(rounds=5)
    splits = booster.trees_to_dataframe().dropna(subset=["threshold"])
    matrix = np.zeros((len(splits), 6))
    places = splits["split_feature"].str.removeprefix("Column_").astype(int)
    matrix[np.arange(len(splits)), places] = splits["threshold"]
    expected = np.asarray(booster.predict(matrix, pred_contrib=True))[:, :-1]
    assert _by_tables(booster, matrix) == pytest.approx(expected, abs=1e-12)


def test_a_tree_that_never_splits_adds_nothing() -> None:
    booster = _booster(min_child_samples=500)
    assert tree_tables(booster) == ()
    assert not _by_tables(booster, _matrix(3, 0)).any()


def test_rows_of_several_parts_have_the_values_of_one() -> None:
    booster, matrix = _booster(rounds=2), _matrix(50, 5)
    many = np.tile(matrix, (AT_ONCE // 50 + 1, 1))
    assert np.array_equal(_by_tables(booster, many)[-50:], _by_tables(booster, matrix))


@pytest.mark.parametrize("form", [{"num_leaves": 40}, {"zero_as_missing": True}])
def test_other_forms_of_trees_are_left_to_lightgbm(form: dict[str, object]) -> None:
    assert tree_tables(_booster(**form)) is None


def test_trees_with_categories_are_left_to_lightgbm() -> None:
    category = np.arange(800.0)[:, None] % 5
    data = lgb.Dataset(category, label=category[:, 0] % 2, categorical_feature=[0])
    assert tree_tables(lgb.train(SMALL | {"min_data_per_group": 5, "cat_smooth": 1}, data, num_boost_round=3)) is None


def test_few_rows_and_many_rows_add_up_alike() -> None:
    model = fit_trees(made_rows(), "voluntary", free_trees(roles(), False, 30, "voluntary"), None, FAST, 1)
    given = inputs(np.random.default_rng(9).normal(size=(MANY_ROWS, len(COLUMNS))))
    many, few = np.zeros((2, MANY_ROWS, len(COLUMNS) + given.covariates.shape[2], 2))
    model.add_contributions(given, many)
    for start in range(0, MANY_ROWS, 10):
        rows = np.arange(start, start + 10)
        part = np.zeros((10, *few.shape[1:]))
        model.add_contributions(given.take(rows), part)
        few[rows] = part
    assert np.abs(few).max() > 0.1
    assert many == pytest.approx(few, abs=1e-9)
