"""Tests of weighted fits: a case-cohort sample with ten times the event rate gives the hazards of all snapshots."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.churn.made_rows import ENDS, FAST, made_rows, roles
from undertow.training.churn.curves import survival
from undertow.training.churn.hazard import constant_hazard, fit_hazards
from undertow.training.churn.linear import strength
from undertow.training.churn.season import fit_season
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.examples.case_cohort import draw_case_cohort

ALL = 40_000
CAUSE = "voluntary"


def sampled(rows: TrainingRows, share: int = 10) -> TrainingRows:
    """All snapshots that an event followed, and so many of the others that events are `share` times as frequent."""
    is_case = np.any([events.any(axis=1) for events in rows.events.values()], axis=0)
    drawn, weight = draw_case_cohort(is_case, len(is_case) // share)
    return replace(rows.take(drawn), weight=weight[drawn])


@pytest.fixture(scope="module")
def every() -> TrainingRows:
    return made_rows(ALL, base=-5.0)


@pytest.fixture(scope="module")
def part(every: TrainingRows) -> TrainingRows:
    return sampled(every)


def test_the_sample_has_many_times_the_event_rate(every: TrainingRows, part: TrainingRows) -> None:
    before, after = (rows.events[CAUSE].sum() / rows.entered.sum() for rows in (every, part))
    assert after > 8 * before


def test_a_constant_hazard_of_the_first_period_is_that_of_all_snapshots(
    every: TrainingRows, part: TrainingRows
) -> None:
    of_all, of_part = (constant_hazard(rows, CAUSE).constant for rows in (every, part))
    assert of_part[0] == pytest.approx(of_all[0], abs=1e-12)  # everybody entered it
    assert of_part[1] == pytest.approx(of_all[1], abs=1e-12)  # cases alone did not
    assert constant_hazard(replace(part, weight=None), CAUSE).constant[0] > of_all[0] + 2.0


def test_weighted_hazards_are_calibrated_on_new_snapshots(part: TrainingRows) -> None:
    models = fit_hazards(part, roles(), FAST, 1)
    assert all(not model.is_constant for model in models)
    new = made_rows(ALL, base=-5.0, seed=7)
    stays = survival(np.stack([model.log_odds(new.inputs) for model in models], axis=2))
    left = np.any([events.any(axis=1) for events in new.events.values()], axis=0)
    p = 1.0 - stays[:, len(ENDS) - 1]
    assert p.sum() == pytest.approx(left.sum(), rel=0.1)
    for fifth in np.array_split(np.argsort(p), 5)[2:]:
        assert p[fifth].sum() == pytest.approx(left[fifth].sum(), rel=0.35, abs=3 * np.sqrt(left[fifth].sum()))


def test_whole_weights_are_repeated_rows_to_the_fits_without_trees() -> None:
    rows = made_rows(600)
    weight = np.random.default_rng(2).integers(1, 4, len(rows.entered)).astype(float)
    weighted, repeated = replace(rows, weight=weight), rows.take(np.repeat(np.arange(600), weight.astype(int)))
    assert constant_hazard(weighted, CAUSE).constant == pytest.approx(constant_hazard(repeated, CAUSE).constant)
    days = 19_000.0 + 30.0 * (np.arange(600) % 16)
    spread = [replace(each, inputs=replace(each.inputs, day=day)) for each, day in (
        (weighted, days), (repeated, np.repeat(days, weight.astype(int))))]  # fmt: skip
    seasons = [fit_season(each, CAUSE, np.full(each.entered.shape, -2.5)) for each in spread]
    assert seasons[0].cosine != 0.0
    assert (seasons[0].cosine, seasons[0].sine) == pytest.approx((seasons[1].cosine, seasons[1].sine))


def test_equal_weights_of_one_change_no_model_but_the_error_of_a_test() -> None:
    rows = made_rows(1500)
    ones = replace(rows, weight=np.ones(len(rows.entered)))
    without, with_ones = (fit_hazards(each, roles(), FAST, 1) for each in (rows, ones))
    for one, other in zip(without, with_ones, strict=True):
        assert np.allclose(one.log_odds(rows.inputs), other.log_odds(rows.inputs), atol=1e-6)


def test_a_row_that_stands_for_many_is_no_stronger_evidence_than_one_row() -> None:
    rows = made_rows(3000, pain=0.3)
    offset, z = np.full(rows.entered.shape, -2.5), rows.inputs.features[:, :1]
    once = strength(rows, CAUSE, z, offset)[0]
    heavy = strength(replace(rows, weight=np.full(len(rows.entered), 20.0)), CAUSE, z, offset)[0]
    assert heavy == pytest.approx(once, rel=0.1)
