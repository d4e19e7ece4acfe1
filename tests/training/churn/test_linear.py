"""The ridge regression on scored columns: known slopes are found, directions hold, and unknown values add nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from tests.training.churn.made_rows import COLUMNS, ENDS, NOISE, PAIN, inputs, made_rows
from undertow.training.churn.linear import (
    ColumnScores,
    LinearModel,
    Penalty,
    _Problem,
    fades,
    fit_linear,
    fit_scores,
    score_columns,
    strength,
)
from undertow.training.examples.person_periods import COVARIATES

COLUMN_NUMBERS = (PAIN, NOISE)
RANKED, DEVIATION = np.array([False]), np.array([True])
IN_DUNNING = len(COLUMNS) + [name for name, _, _ in COVARIATES].index("period_in_dunning")


def _fit(
    ridge: float = 1.0, direction: tuple[float, float] = (0.0, 0.0), pain: float = 1.0, start: LinearModel | None = None
) -> LinearModel:
    rows = made_rows(20_000, pain=pain, size=0.0)
    penalty = Penalty(np.full(2, ridge), np.array(direction))
    scored, offset = score_columns(rows, COLUMN_NUMBERS, np.zeros(2, bool)), np.zeros(rows.entered.shape)
    return fit_linear(rows, "voluntary", scored, (), offset, penalty, start)


def test_normal_scores_of_normal_values_are_the_values() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 1))
    inside = np.abs(values) < 1.5
    assert np.abs(fit_scores(values, RANKED)(values) - values)[inside].max() < 0.1


def test_an_outlier_and_an_unknown_value_do_not_matter() -> None:
    scores = fit_scores(np.arange(100.0)[:, None], RANKED)
    z = scores(np.array([[99.0], [1e9], [np.nan], [-1e9]])).ravel()
    assert z[0] == z[1] > 2.0 and z[2] == 0.0 and z[3] < -2.0


def test_tied_values_share_the_score_of_their_middle() -> None:
    scores = fit_scores(np.array([0.0] * 80 + [1.0] * 20)[:, None], RANKED)
    assert scores(np.array([[0.0], [1.0]])).ravel() == pytest.approx([-0.2533, 1.2816], abs=1e-3)  # ranks .4 and .9


def test_a_deviation_far_out_counts_as_far_and_an_outlier_at_most_six_spreads() -> None:
    values = np.random.default_rng(0).normal(10.0, 2.0, size=(20_000, 1))
    z = fit_scores(values, DEVIATION)(np.array([[10.0], [12.0], [18.0], [1e9], [np.nan]])).ravel()
    assert z == pytest.approx([0.0, 1.0, 4.0, 6.0, 0.0], abs=0.05)


def test_a_deviation_that_is_mostly_the_same_is_measured_in_standard_deviations() -> None:
    rarely = np.array([0.0] * 95 + [1.0] * 5)[:, None]
    assert fit_scores(rarely, DEVIATION)(np.array([[0.0], [1.0]])).ravel() == pytest.approx([0.0, 1.0 / rarely.std()])


@pytest.mark.parametrize("deviates", [False, True])
def test_a_column_that_is_never_known_or_always_the_same_adds_nothing(deviates: bool) -> None:
    for values in (np.full((5, 1), np.nan), np.full((5, 1), 3.0)):
        assert fit_scores(values, np.array([deviates]))(np.array([[3.0]])).tolist() == [[0.0]]


def test_effects_fade_by_half_every_35_days() -> None:
    assert fades((30, 60, 90, 180, 360)) == pytest.approx([1, 2 ** (-30 / 35), 2 ** (-60 / 35), 2 ** (-120 / 35),
                                                           2 ** (-255 / 35)])  # fmt: skip


def test_the_slopes_that_made_the_data_are_found() -> None:
    model = _fit()
    slope = model.lasting + model.recent * fades(ENDS)[1]
    assert slope == pytest.approx([1.0, 0.0], abs=0.08)


def test_a_larger_penalty_makes_smaller_slopes() -> None:
    small, large = _fit(ridge=1.0), _fit(ridge=3000.0)
    assert 0 < large.lasting[0] + large.recent[0] < 0.7 * (small.lasting[0] + small.recent[0])


def test_an_effect_stays_on_its_side_of_zero() -> None:
    wrong = _fit(direction=(-1.0, 1.0))
    assert wrong.lasting[0] == wrong.recent[0] == 0.0
    assert (wrong.lasting[1], wrong.recent[1]) >= (0.0, 0.0)
    assert np.array_equal(_fit(direction=(1.0, 0.0)).lasting[:1] > 0, [True])


def test_the_data_can_contradict_a_direction() -> None:
    rows = made_rows(20_000, pain=-1.0)
    z = score_columns(rows, COLUMN_NUMBERS, np.zeros(2, bool)).z
    tests = strength(rows, "voluntary", z, np.zeros(rows.entered.shape))
    assert tests[0] < -20 and abs(tests[1]) < 3.5


def test_contributions_add_up_to_the_log_odds() -> None:
    model, given = _fit(), inputs(np.random.default_rng(1).normal(size=(7, len(COLUMNS))))
    total = np.zeros((7, len(COLUMNS) + len(COVARIATES), len(ENDS)))
    model.add_contributions(given, total)
    assert total.sum(axis=1) + model.intercept == pytest.approx(model.log_odds(given), abs=1e-12)
    assert not total[:, 2:].any()


def test_a_covariate_of_the_period_has_a_slope_of_its_own() -> None:
    rows = made_rows(4000, pain=0.0, size=0.0)
    failing = np.random.default_rng(3).uniform(size=4000) < 0.2
    rows.inputs.covariates[:, 0, IN_DUNNING - len(COLUMNS)] = failing
    rows.events["voluntary"][failing, 0] |= np.random.default_rng(4).uniform(size=failing.sum()) < 0.4
    penalty = Penalty(np.ones(2), np.zeros(2))
    scored = score_columns(rows, COLUMN_NUMBERS, np.zeros(2, bool))
    model = fit_linear(rows, "voluntary", scored, (IN_DUNNING,), np.zeros(rows.entered.shape), penalty)
    assert model.slopes[0] > 1.5
    lifted = model.log_odds(rows.inputs)[:, 0]
    assert lifted[failing].mean() - lifted[~failing].mean() == pytest.approx(model.slopes[0], abs=0.1)


def test_a_model_read_back_is_the_same() -> None:
    model, given = _fit(), inputs(np.random.default_rng(1).normal(size=(7, len(COLUMNS))))
    assert np.array_equal(LinearModel.from_json(model.as_json()).log_odds(given), model.log_odds(given))


def test_a_regression_that_starts_from_another_penalty_ends_where_it_ends_from_nothing() -> None:
    start, direct = _fit(10.0), _fit(1000.0)
    found = _fit(1000.0, start=start)
    assert found.coefficients == pytest.approx(direct.coefficients, abs=1e-5)
    assert np.abs(start.coefficients - direct.coefficients).max() > 0.01


def test_gradient_and_hessian_are_those_of_the_loss() -> None:
    random = np.random.default_rng(5)
    problem = _Problem(
        z=random.normal(size=(40, 2)), x=random.uniform(size=(40, 2, 1)), fade=fades(ENDS),
        offset=random.normal(size=(40, 2)), label=random.integers(0, 2, (40, 2)).astype(float),
        counts=random.uniform(size=(40, 2)) < 0.8, ridge=np.array([0.5, 2.0]),
    )  # fmt: skip
    theta = random.normal(size=7)
    assert check_grad(lambda t: problem.derivatives(t)[0], lambda t: problem.derivatives(t)[1], theta) < 1e-4
    _, gradient, weight = problem.derivatives(theta)
    hessian = problem.hessian(weight)
    for place in range(7):
        moved = theta.copy()
        moved[place] += 1e-6
        assert (problem.derivatives(moved)[1] - gradient) / 1e-6 == pytest.approx(hessian[place], abs=1e-3)


def test_scores_are_interpolated_between_knots() -> None:
    scores = ColumnScores((np.array([0.0, 10.0]),), (np.array([-2.0, 2.0]),))
    assert scores(np.array([[2.5]])).tolist() == [[-1.0]]
