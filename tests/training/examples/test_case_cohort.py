"""Tests of case-cohort sampling: who is drawn, and that weights stand for all snapshots."""

import numpy as np
import pytest

from undertow.training.examples.case_cohort import draw_case_cohort, uniform_part


def population(cases: int, others: int) -> np.ndarray:
    return np.random.default_rng(1).permutation(np.repeat([True, False], [cases, others]))


def test_every_case_is_drawn_and_a_part_of_the_others_stands_for_them() -> None:
    is_case = population(200, 9_800)
    drawn, weight = draw_case_cohort(is_case, 1_000)
    assert drawn.sum() == 1_000 and drawn[is_case].all()
    assert set(weight[is_case]) == {1.0}
    assert set(weight[drawn & ~is_case]) == {9_800 / 800}


@pytest.mark.parametrize(("cases", "others"), [(200, 9_800), (6_000, 4_000), (9_900, 100), (10_000, 0), (0, 10_000)])
def test_weights_add_up_to_the_population_and_to_its_cases(cases: int, others: int) -> None:
    is_case = population(cases, others)
    drawn, weight = draw_case_cohort(is_case, 1_000)
    assert drawn.sum() == 1_000
    assert weight.sum() == pytest.approx(10_000)
    assert weight[is_case].sum() == pytest.approx(cases)


def test_cases_that_are_more_than_half_of_what_is_drawn_are_drawn_too() -> None:
    is_case = population(6_000, 4_000)
    drawn, weight = draw_case_cohort(is_case, 1_000)
    assert drawn[is_case].sum() == 500
    assert set(weight[drawn & is_case]) == {12.0}


def test_the_same_snapshots_are_drawn_each_time() -> None:
    is_case = population(200, 9_800)
    assert np.array_equal(draw_case_cohort(is_case, 1_000)[1], draw_case_cohort(is_case, 1_000)[1])


def test_the_uniform_part_has_the_share_of_cases_of_the_population() -> None:
    is_case = population(2_000, 98_000)
    drawn, weight = draw_case_cohort(is_case, 20_000)
    part = uniform_part(weight[drawn])
    assert part[~is_case[drawn]].sum() > 17_000
    assert is_case[drawn][part].mean() == pytest.approx(0.02, abs=0.001)
    assert is_case[drawn].mean() == pytest.approx(0.1)


def test_equal_weights_keep_every_row_in_the_uniform_part() -> None:
    assert uniform_part(np.full(1_000, 1 / 3)).all()
