"""The hazard model of one cause: the sum of its stages, or a constant; the same after it was saved and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.churn.made_rows import COLUMNS, FAILED, FAST, NOISE, PAIN, SIZE, inputs, made_rows, roles
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.hazard import fit_stages
from undertow.training.churn.position import fit_position
from undertow.training.churn.recipe import Recipe, scored_features
from undertow.training.churn.season import Season

GIVEN = inputs(np.random.default_rng(9).normal(size=(6, len(COLUMNS))))


def _model(structured: bool = True, trees: int = 20) -> CauseModel:
    rows = made_rows()
    recipe = Recipe(structured, wide=False, ridge=10.0, trees=trees, why="By hand.")
    position = fit_position(rows, "voluntary", roles().position, 1)
    start = position, position.cross_fitted(rows)
    return fit_stages(rows, "voluntary", roles(), recipe, start, scored_features(rows, roles()), FAST, 1)


def test_log_odds_are_the_sum_of_the_stages() -> None:
    model = _model()
    assert model.position and model.linear and model.trees
    stages = (model.position, model.linear, model.trees, model.season)
    assert model.log_odds(GIVEN) == pytest.approx(sum(stage.log_odds(GIVEN) for stage in stages), abs=1e-12)


def test_contributions_are_all_but_position_season_and_constants() -> None:
    model = _model()
    assert model.position
    rest = model.log_odds(GIVEN) - model.position.log_odds(GIVEN) - model.contributions(GIVEN).sum(axis=1)
    assert rest == pytest.approx(np.broadcast_to(rest[:1], rest.shape), abs=1e-9)


def test_who_feels_pain_is_likelier_to_leave_and_size_is_position() -> None:
    model, worse = _model(), GIVEN.features.copy()
    worse[:, PAIN] += 2.0
    assert (model.log_odds(inputs(worse)) > model.log_odds(GIVEN)).all()
    moved = GIVEN.features.copy()
    moved[:, SIZE] += 2.0
    assert np.array_equal(model.contributions(inputs(moved)), model.contributions(GIVEN))
    assert not np.array_equal(model.log_odds(inputs(moved)), model.log_odds(GIVEN))


def test_a_tree_of_the_structured_model_reads_one_family() -> None:
    model = _model()
    assert model.trees
    family = {f"Column_{place}": roles().families[number] for place, number in enumerate(model.trees.columns)}
    family[f"Column_{model.trees.columns.index(roles().period)}"] = "contract"
    for booster in model.trees.boosters:
        frame = booster.trees_to_dataframe()
        for _, tree in frame[frame.split_feature.notna()].groupby("tree_index"):
            assert len({family[name] for name in tree.split_feature} - {"contract"}) <= 1


def test_free_trees_read_every_column_and_have_no_other_stage() -> None:
    model = _model(structured=False)
    assert (model.position, model.linear) == (None, None) and model.trees
    assert {PAIN, NOISE, FAILED, SIZE} <= set(model.columns)


def test_too_few_churners_give_every_account_the_rate_of_the_period() -> None:
    constant = CauseModel("involuntary", (-4.0, -5.0, -6.0))
    assert constant.is_constant and constant.log_odds(GIVEN).tolist() == [[-4.0, -5.0]] * 6
    assert not constant.contributions(GIVEN).any()


@pytest.mark.parametrize("structured", [True, False])
def test_a_saved_model_is_read_back_with_the_same_log_odds(tmp_path: Path, structured: bool) -> None:
    model = _model(structured)
    loaded = CauseModel.load(tmp_path, model.save(tmp_path))
    assert np.array_equal(loaded.log_odds(GIVEN), model.log_odds(GIVEN))
    assert np.array_equal(loaded.contributions(GIVEN), model.contributions(GIVEN))
    assert (loaded.recipe, loaded.season) == (model.recipe, model.season)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1] == "voluntary-trees-1.txt" and ("voluntary-position-4.txt" in names) == structured


def test_the_first_periods_alone_have_the_same_log_odds() -> None:
    model = _model()
    assert np.array_equal(model.log_odds(GIVEN.first(1)), model.log_odds(GIVEN)[:, :1])
    assert model.season == Season()  # the rows span half a year
