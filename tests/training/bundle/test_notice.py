"""What a notice does to the scores of an account, with a bundle and on curves by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.notice import causes_with_notice, raised_by_notice
from undertow.training.bundle.scores import Scores
from undertow.training.churn import curves
from undertow.training.examples.announced import Announced
from undertow.training.examples.person_periods import DAYS_A_MONTH

ENDS = (30, 60, 90, 180, 360)
NOTICE_GIVER, DOWNGRADER, PAUSER = 0, 1, 2


def gave_notice(last_end: float, n: int = 1) -> Announced:
    mrr, none, never = np.full(n, 100.0), np.zeros(n), np.full(n, np.nan)
    return Announced(mrr, mrr, none, none, np.full(n, last_end), np.full(n, last_end), never, never)


@pytest.mark.parametrize(
    ("day", "raised"),
    [(0, [1, 1, 1, 1, 1]), (29.9, [1, 1, 1, 1, 1]), (30, [0, 1, 1, 1, 1]), (100, [0, 0, 0, 1, 1]), (400, [0] * 5)],
)
def test_horizons_after_the_announced_end_have_the_probability_of_a_notice(day: float, raised: list[int]) -> None:
    forecast = np.array([[0.1, 0.2, 0.3, 0.4, 0.5]])
    found = raised_by_notice(forecast, gave_notice(day), 0.95, ENDS)
    assert found[0].tolist() == [0.95 if yes else p for yes, p in zip(raised, forecast[0], strict=True)]


def test_a_forecast_above_the_probability_of_a_notice_stands() -> None:
    found = raised_by_notice(np.array([[0.1, 0.2, 0.3, 0.4, 0.97]]), gave_notice(50), 0.95, ENDS)
    assert found[0].tolist() == [0.1, 0.95, 0.95, 0.95, 0.97]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(arrays(float, (4, 5, 2), elements=st.floats(-8, 2)), st.floats(0, 400), st.floats(0, 1))
def test_causes_add_up_only_rise_and_what_a_notice_adds_is_voluntary(
    log_odds: np.ndarray, day: float, probability: float
) -> None:
    forecast, by_cause = 1 - curves.survival(log_odds), curves.incidence(log_odds)
    served = raised_by_notice(forecast, gave_notice(day, 4), probability, ENDS)
    found = causes_with_notice(by_cause, served)
    assert found.sum(axis=2) == pytest.approx(served, abs=1e-12)
    assert (np.diff(served, axis=1) >= 0).all() and (np.diff(found, axis=1) >= 0).all()
    assert (found[:, :, 1] <= by_cause[:, :, 1] + 1e-12).all()
    before = np.array(ENDS) <= day
    assert found[:, before] == pytest.approx(by_cause[:, before], abs=1e-12)
    if not before.all():
        first = int(before.sum())  # the horizon in which the announced end lies
        assert found[:, first, 1] == pytest.approx(by_cause[:, first, 1], abs=1e-12)


# --- on random accounts -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def announcing(rows: pa.Table) -> pa.Table:
    """The random accounts, the first three of which announced: a notice, a downgrade by half, a pause."""
    mrr = rows["mrr"].to_pylist()
    changes = {
        "mrr_ending": {NOTICE_GIVER: mrr[0], DOWNGRADER: mrr[1]},
        "days_to_announced_end": {NOTICE_GIVER: 9.0, DOWNGRADER: 30.0},
        "days_to_last_announced_end": {NOTICE_GIVER: 9.0, DOWNGRADER: 30.0},
        "mrr_starting": {DOWNGRADER: mrr[1] / 2, PAUSER: mrr[2]},
        "days_to_announced_start": {DOWNGRADER: 30.0, PAUSER: 60.0},
        "mrr_pausing": {PAUSER: mrr[2]},
        "days_to_announced_pause": {PAUSER: 30.0},
    }
    for name, by_row in changes.items():
        values = [by_row.get(row) for row in range(rows.num_rows)]
        rows = rows.append_column(name, pa.array(values, pa.float64()))
    return rows


@pytest.fixture(scope="module")
def before(bundle: Bundle, rows: pa.Table) -> Scores:
    return bundle.score(rows)


@pytest.fixture(scope="module")
def after(bundle: Bundle, announcing: pa.Table) -> Scores:
    return bundle.score(announcing)


def test_an_account_that_gave_notice_surely_leaves_and_no_other(before: Scores, after: Scores) -> None:
    assert (after.probability[NOTICE_GIVER] > 0.999999).all() and (after.probability < 1).all()
    assert np.array_equal(after.probability[3:], before.probability[3:])
    assert (after.probability[[DOWNGRADER, PAUSER]] < 0.9).all()  # neither is churn
    involuntary = after.by_cause[NOTICE_GIVER, :, 1]
    assert involuntary == pytest.approx(np.full(len(involuntary), involuntary[0]))


def test_an_account_that_leaves_in_9_days_is_worth_9_days(
    bundle: Bundle, rows: pa.Table, before: Scores, after: Scores
) -> None:
    margin = rows["mrr"].to_numpy()[NOTICE_GIVER] * bundle.value.margin * 9 / DAYS_A_MONTH
    stays = (1 - before.probability[NOTICE_GIVER, 0]) ** (4.5 / 30)  # it may leave even before: half way, on average
    assert after.clv[NOTICE_GIVER] == pytest.approx(margin * stays * (1 + bundle.value.discount_rate) ** (-1 / 24))
    assert 0.9 < stays < 1


def test_value_at_risk_is_what_the_announcement_costs(before: Scores, after: Scores) -> None:
    assert after.clv_if_kept == pytest.approx(before.clv_if_kept, rel=1e-3)  # of the 9 days, another middle
    assert after.value_at_risk == pytest.approx(after.clv_if_kept - after.clv)
    assert after.value_at_risk[NOTICE_GIVER] > 0.95 * after.clv_if_kept[NOTICE_GIVER]
    assert after.clv[DOWNGRADER] / before.clv[DOWNGRADER] == pytest.approx(13 / 24, abs=0.05)
    assert after.clv[PAUSER] / before.clv[PAUSER] == pytest.approx(11 / 12, abs=0.05)


def test_with_the_notice_contributions_still_make_the_served_probability(bundle: Bundle, after: Scores) -> None:
    served = after.probability[:, bundle.ends.index(bundle.headline)]
    assert np.abs(after.like_probability + after.probability_by_feature.sum(axis=1) - served).max() < 1e-9
    assert np.abs(after.like_probability + after.probability_by_family.sum(axis=1) - served).max() < 1e-9


def test_the_notice_is_the_contribution_that_moves_its_score_most(bundle: Bundle, after: Scores) -> None:
    name, family, share = bundle.top_features(after, NOTICE_GIVER)[0]
    assert (name, family) == ("notice", "billing") and share > 0.5
    assert after.probability_by_family[NOTICE_GIVER].argmax() == REASON_FAMILIES.index("billing")
    at = bundle.contribution_names.index("notice")
    assert (after.probability_by_feature[1:, at] == 0).all()


def test_the_probability_alone_has_the_notice_too(bundle: Bundle, announcing: pa.Table, after: Scores) -> None:
    assert np.array_equal(bundle.probability(announcing), after.probability)


def test_a_notice_is_the_change_of_its_family_and_of_no_other(
    bundle: Bundle, rows: pa.Table, announcing: pa.Table, before: Scores, after: Scores
) -> None:
    found = bundle.change(announcing, rows)
    moved = after.probability[:, 2] - before.probability[:, 2]
    assert moved[NOTICE_GIVER] > 0.5
    assert found.by_family[:, REASON_FAMILIES.index("billing")] == pytest.approx(moved, abs=1e-12)
    assert found.by_family.sum(axis=1) == pytest.approx(moved, abs=1e-12)
    assert np.abs(found.clock).max() < 1e-12


def test_the_probability_of_a_notice_is_kept(bundle: Bundle, announcing: pa.Table, tmp_path: Path) -> None:
    assert bundle.notice_probability == 1.0
    replace(bundle, notice_probability=0.8).save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert loaded.notice_probability == 0.8
    assert loaded.probability(announcing)[NOTICE_GIVER, 0] == 0.8
    kept = bundle.score(announcing).clv_if_kept[NOTICE_GIVER]
    assert loaded.score(announcing).clv[NOTICE_GIVER] > 0.15 * kept  # one in five stays
