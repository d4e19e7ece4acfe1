"""Person-period rows: who enters a period, what came in it, and what as_of knows of it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from undertow.training.examples.person_periods import (
    COVARIATES,
    DAYS_A_MONTH,
    KNOWN_OF_BILLING,
    KnownAhead,
    PeriodInputs,
    churned_in,
    covariates,
    entered,
    known_ahead,
    period_inputs,
)

ENDS = (30, 60, 90, 180)
RENEWALS, TO_RENEWAL, TENURE = 2, 3, 1  # positions in COVARIATES
CARD, IN_DUNNING, DUNNING_DAYS, PRICE = 4, 5, 6, 7
NEVER = np.nan


def known(renewal: float = NEVER, term: float = NEVER, tenure: float = 100.0, **of_billing: float) -> KnownAhead:
    given = dict.fromkeys(KNOWN_OF_BILLING, NEVER) | of_billing
    return KnownAhead(
        *(np.array([value]) for value in (tenure, renewal, term)),
        **{name: np.array([value]) for name, value in given.items()},
    )


def of_periods(position: int, **of_billing: float) -> list[float]:
    """The covariate at a position, in each period."""
    return covariates(known(**of_billing), ENDS)[0, :, position].tolist()


def rows(**columns: list[float | None]) -> pa.Table:
    """Two accounts at 1 March."""
    usual = {name: [1.0, 1.0] for name in ("tenure_days", "days_to_renewal", "term_months")}
    return pa.table({"as_of": [datetime(2024, 3, 1)] * 2, **usual, **columns})


def entry(followed: float, left: float = NEVER) -> list[bool]:
    return [bool(one) for one in entered(np.array([followed]), np.array([left]), ENDS)[0]]


def test_a_period_enters_only_if_its_end_was_observed() -> None:
    assert entry(89.9) == [True, True, False, False]
    assert entry(90) == [True, True, True, False]
    assert entry(10) == [False] * 4


def test_a_churn_in_a_half_observed_period_does_not_enter_either() -> None:
    assert entry(followed=50, left=40) == [True, False, False, False]


def test_nobody_enters_a_period_after_having_left() -> None:
    assert entry(followed=400, left=30) == [True, True, False, False]
    assert entry(followed=400, left=29.9) == [True, False, False, False]


def test_churn_falls_in_the_period_that_holds_its_day() -> None:
    came = churned_in(np.array([0.0, 29.9, 30.0, 179.9, 180.0, NEVER]), ENDS)
    assert came.tolist() == [
        [True, False, False, False], [True, False, False, False], [False, True, False, False],
        [False, False, False, True], [False] * 4, [False] * 4,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def staggered() -> tuple[np.ndarray, np.ndarray]:
    """40,000 lives that end at 0.004 a day, followed for 0 to 100 days since they came at any time."""
    random = np.random.default_rng(0)
    life, followed = random.exponential(250, 40_000), random.uniform(0, 100, 40_000)
    return followed, np.where(life < followed, life, NEVER)


def kaplan_meier(followed: np.ndarray, churn_days: np.ndarray, horizon: float) -> float:
    """P(churn before `horizon`) by the product-limit estimator (Kaplan and Meier 1958)."""
    time = np.where(np.isnan(churn_days), followed, churn_days)
    order = np.argsort(time)
    at_risk = np.arange(len(time), 0, -1)
    dies = ~np.isnan(churn_days[order]) & (time[order] < horizon)
    return float(1 - np.prod(1 - dies / at_risk))


def p_by_periods(keep: np.ndarray, came: np.ndarray) -> float:
    """P(churn within 90 days) from each period's base rate."""
    rates = [came[keep[:, k], k].mean() for k in range(3)]
    return float(1 - np.prod(1 - np.array(rates)))


def test_base_rates_agree_with_kaplan_meier_under_staggered_entry(staggered: tuple[np.ndarray, np.ndarray]) -> None:
    followed, churn_days = staggered
    found = p_by_periods(entered(followed, churn_days, ENDS), churned_in(churn_days, ENDS))
    assert found == pytest.approx(kaplan_meier(followed, churn_days, 90), abs=0.01)
    assert found == pytest.approx(1 - np.exp(-90 / 250), abs=0.015)


def test_dropping_only_the_survivors_of_a_half_observed_period_would_inflate(
    staggered: tuple[np.ndarray, np.ndarray],
) -> None:
    followed, churn_days = staggered
    came = churned_in(churn_days, ENDS)
    only_survivors_dropped = entered(followed, churn_days, ENDS) | came
    assert p_by_periods(only_survivors_dropped, came) > 1.4 * kaplan_meier(followed, churn_days, 90)


def test_renewals_are_counted_in_the_period_they_fall_in() -> None:
    found = covariates(known(renewal=45, term=12), ENDS)[0]
    assert found[:, RENEWALS].tolist() == [0, 1, 0, 0]


def test_a_monthly_renewal_comes_round_again_in_every_period() -> None:
    found = covariates(known(renewal=5, term=1), ENDS)[0]
    assert found[:, RENEWALS].tolist() == [1, 1, 1, 3]


def test_a_renewal_on_the_first_day_of_a_period_belongs_to_it() -> None:
    assert covariates(known(renewal=30, term=12), ENDS)[0, :, RENEWALS].tolist() == [0, 1, 0, 0]
    assert covariates(known(renewal=30), ENDS)[0, :, RENEWALS].tolist() == [0, 1, 0, 0]
    assert covariates(known(renewal=0, term=12), ENDS)[0, :, RENEWALS].tolist() == [1, 0, 0, 0]


def test_renewals_in_all_periods_add_up_to_those_until_the_last_end() -> None:
    found = covariates(known(renewal=12, term=1), (30, 60, 90, 180, 360))[0]
    assert found[:, RENEWALS].sum() == np.ceil((360 - 12) / DAYS_A_MONTH)


def test_days_to_the_next_renewal_roll_forward_by_the_term() -> None:
    found = covariates(known(renewal=45, term=12), ENDS)[0]
    assert found[:, TO_RENEWAL] == pytest.approx([45, 15, 45 + 12 * DAYS_A_MONTH - 60, 45 + 12 * DAYS_A_MONTH - 90])


def test_without_a_term_a_renewal_comes_once() -> None:
    found = covariates(known(renewal=45), ENDS)[0]
    assert found[:, RENEWALS].tolist() == [0, 1, 0, 0]
    assert found[:2, TO_RENEWAL].tolist() == [45, 15]
    assert np.isnan(found[2:, TO_RENEWAL]).all()


def test_without_a_renewal_date_nothing_is_said_of_renewals() -> None:
    found = covariates(known(term=12), ENDS)[0]
    assert np.isnan(found[:, [RENEWALS, TO_RENEWAL]]).all()


def test_tenure_moves_on_with_the_period() -> None:
    found = covariates(known(tenure=100), ENDS)[0]
    assert found[:, 0].tolist() == [0, 1, 2, 3]
    assert found[:, TENURE].tolist() == [100, 130, 160, 190]


@pytest.mark.parametrize(
    ("days", "expired", "expires"),
    [
        (45.0, 0.0, [0, 1, 1, 1]),  # in the second period, and on file as an expired card after it
        (30.0, 0.0, [0, 1, 1, 1]),  # the first moment of the second period
        (29.9, 0.0, [1, 1, 1, 1]),
        (0.0, 0.0, [1, 1, 1, 1]),
        (180.0, 0.0, [0, 0, 0, 0]),
        (NEVER, 1.0, [1, 1, 1, 1]),
        (NEVER, 0.0, [NEVER] * 4),  # a card without a date
        (NEVER, NEVER, [NEVER] * 4),
        (45.0, NEVER, [0, 1, 1, 1]),  # rows without the column card_expired
    ],
)
def test_a_card_has_expired_in_every_period_that_ends_after_its_last_day(
    days: float, expired: float, expires: list[float]
) -> None:
    found = of_periods(CARD, days_to_card_expiry=days, card_expired=expired)
    assert found == pytest.approx(expires, nan_ok=True)


@pytest.mark.parametrize(
    ("in_dunning", "first", "days"),
    [
        (1.0, [1, 0, 0, 0], [4, NEVER, NEVER, NEVER]),
        (0.0, [0, 0, 0, 0], [NEVER] * 4),  # 4 days ago an attempt failed, and a later one went through
        (NEVER, [NEVER] * 4, [NEVER] * 4),
    ],
)
def test_only_the_first_period_begins_in_dunning(in_dunning: float, first: list[float], days: list[float]) -> None:
    known_then = {"in_dunning": in_dunning, "days_since_failed_payment": 4.0}
    assert of_periods(IN_DUNNING, **known_then) == pytest.approx(first, nan_ok=True)
    assert of_periods(DUNNING_DAYS, **known_then) == pytest.approx(days, nan_ok=True)


@pytest.mark.parametrize(
    ("day", "rise", "rises"),
    [
        (45.0, 0.1, [0, 0.1, 0, 0]),
        (60.0, -0.2, [0, 0, -0.2, 0]),
        (180.0, 0.1, [0, 0, 0, 0]),
        (NEVER, 0.0, [0, 0, 0, 0]),
        (NEVER, NEVER, [NEVER] * 4),
    ],
)
def test_a_list_price_rises_in_the_period_in_which_the_step_takes_effect(
    day: float, rise: float, rises: list[float]
) -> None:
    found = of_periods(PRICE, days_to_list_price_step=day, list_price_step_ahead=rise)
    assert found == pytest.approx(rises, nan_ok=True)


def test_without_their_columns_nothing_is_known_of_cards_dunning_and_list_prices() -> None:
    found = covariates(known_ahead(rows()), ENDS)
    assert found.shape == (2, 4, len(COVARIATES))
    assert np.isnan(found[:, :, [CARD, IN_DUNNING, DUNNING_DAYS, PRICE]]).all()
    assert not np.isnan(found[:, :, RENEWALS]).any()


def test_a_project_with_list_prices_and_no_announced_step_has_no_rise_ahead() -> None:
    given = rows(days_to_list_price_step=[None, 70.0], list_price_step_ahead=[None, 0.1])
    found = covariates(known_ahead(given), ENDS)[:, :, PRICE]
    assert found.tolist() == [[0, 0, 0, 0], [0, 0, 0.1, 0]]


def _inputs() -> PeriodInputs:
    return period_inputs(np.array([[7.0, 0.5], [8.0, np.nan]]), rows(tenure_days=[1.0, 2.0]), ENDS)


def test_rows_go_snapshot_by_snapshot_and_period_by_period() -> None:
    found = _inputs().matrix((0, 2, 2 + TENURE))  # a feature, the first covariate, and another one
    assert found.tolist() == [
        [7, 0, 1],
        [7, 1, 31],
        [7, 2, 61],
        [7, 3, 91],
        [8, 0, 2],
        [8, 1, 32],
        [8, 2, 62],
        [8, 3, 92],
    ]


def test_the_first_periods_and_some_snapshots_can_be_taken_alone() -> None:
    given = _inputs()
    assert given.first(2).matrix((2,)).tolist() == [[0], [1], [0], [1]] and given.first(2).ends == (30, 60)
    assert given.take(np.array([False, True])).matrix((0,)).tolist() == [[8]] * 4
    assert given.day.tolist() == [19783, 19783]  # 1 March 2024
