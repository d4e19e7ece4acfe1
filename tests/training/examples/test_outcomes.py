"""What counts as churn, from subscriptions told by hand: as_of is 2024-03-01, known at 2024-12-01, grace 30 days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.training.examples.outcomes import Outcomes

AS_OF = datetime(2024, 3, 1)
KNOWN_AT = datetime(2024, 12, 1)
OBSERVED = (KNOWN_AT - AS_OF).days - 30  # the last 30 days are not judged
Futures = Callable[..., dict[str, Any]]
Row = dict[str, object]


def day(number: float) -> datetime:
    """The moment so many days after as_of."""
    return AS_OF + timedelta(days=number)


def paid(account: str, start: float, end: float | None = None, reason: str | None = None, **more: object) -> Row:
    ended = None if end is None else day(end)
    return {"account_id": account, "started_at": day(start), "ended_at": ended, "end_reason": reason, **more}


def attempts(*made: tuple[float, bool]) -> list[Row]:
    """Attempts of account "a" to pay: so many days after as_of, and whether it went through."""
    return [
        {"account_id": "a", "payment_id": str(at), "attempted_at": day(at), "succeeded": went, "kind": "attempt"}
        for at, went in made
    ]


def test_whoever_runs_on_is_followed_to_the_last_judged_day(futures: Futures) -> None:
    found = futures([paid("a", -100)])["a"]
    assert (found.followed_days, found.churn_days, found.cause, found.gone) == (OBSERVED, None, "", False)


def test_an_end_at_as_of_is_churn_on_day_zero(futures: Futures) -> None:
    found = futures([paid("at", -100, 0, "voluntary"), paid("before", -100, -0.01, "voluntary")])
    assert found["at"].churn_days == 0
    assert "before" not in found


def test_the_horizon_is_half_open() -> None:
    days, cause = np.array([0.0, 29.999, 30.0, np.nan]), np.array(["voluntary"] * 3 + [""])
    found = Outcomes(np.full(4, 90.0), days, np.full(4, np.nan), cause, np.zeros(4, dtype=bool))
    assert found.churned(30).tolist() == [True, True, False, False]
    assert found.churned(30, "involuntary").tolist() == [False] * 4


def test_a_return_on_the_last_day_of_grace_is_no_churn(futures: Futures) -> None:
    found = futures([paid("a", -100, 50, "voluntary"), paid("a", 80)])["a"]
    assert found.churn_days is None


def test_a_return_after_the_grace_was_churn_before(futures: Futures) -> None:
    found = futures([paid("a", -100, 50, "voluntary"), paid("a", 80.01)])["a"]
    assert (found.churn_days, found.cause) == (50, "voluntary")


def test_grace_comes_from_the_settings(futures: Futures) -> None:
    rows = [paid("a", -100, 50, "voluntary"), paid("a", 55)]
    assert futures(rows, grace_days=5)["a"].churn_days is None
    assert futures(rows, grace_days=4)["a"].churn_days == 50


def test_one_of_two_subscriptions_cancelled_is_no_churn(futures: Futures) -> None:
    found = futures([paid("a", -100), paid("a", -50, 20, "voluntary")])["a"]
    assert found.churn_days is None


def test_the_last_of_overlapping_subscriptions_is_the_churn(futures: Futures) -> None:
    found = futures([paid("a", -100, 60, "payment_failed"), paid("a", -50, 20, "voluntary")])["a"]
    assert (found.churn_days, found.cause) == (60, "involuntary")


def test_a_short_subscription_inside_a_long_one_does_not_break_the_time_paid(futures: Futures) -> None:
    rows = [paid("a", -100, 60, "changed"), paid("a", -50, -45, "voluntary"), paid("a", 30, 100, "voluntary")]
    assert futures(rows)["a"].churn_days == 100


def test_a_changed_price_without_a_gap_is_no_churn(futures: Futures) -> None:
    found = futures([paid("a", -100, 40, "changed"), paid("a", 40, mrr=120.0)])["a"]
    assert (found.churn_days, found.followed_days) == (None, OBSERVED)


def test_a_free_plan_does_not_keep_an_account(futures: Futures) -> None:
    found = futures([paid("a", -100, 40, "voluntary"), paid("a", 40, mrr=0.0)])["a"]
    assert found.churn_days == 40


def test_a_neutral_end_is_no_churn_and_nothing_is_asked_after_it(futures: Futures) -> None:
    found = futures([paid("a", -100, 40, "completed"), paid("a", 100, 150, "voluntary")])["a"]
    assert (found.churn_days, found.cause, found.neutral_days, found.followed_days) == (None, "", 40, OBSERVED)


def test_an_end_without_a_reason_is_churn_also_after_a_changed_price(futures: Futures) -> None:
    found = futures([paid("a", -100, -10, "changed"), paid("a", -10, 40)])["a"]
    assert (found.churn_days, found.cause) == (40, "voluntary")


@pytest.mark.parametrize(
    ("reason", "cause"), [("payment_failed", "involuntary"), ("too expensive", "voluntary"), (None, "voluntary")]
)
def test_the_reason_tells_the_cause(futures: Futures, reason: str | None, cause: str) -> None:
    assert futures([paid("a", -100, 40, reason)])["a"].cause == cause


@pytest.mark.parametrize(
    ("made", "cause"),
    [
        ([(10, True), (38, False)], "involuntary"),  # the last one failed
        ([(10, False), (38, True)], "voluntary"),  # the last one went through
        ([(9, False)], "voluntary"),  # more than 30 days before the end
        ([(41, False)], "voluntary"),  # after the end
        ([], "voluntary"),
    ],
)
def test_without_a_reason_the_last_payment_tells_the_cause(
    futures: Futures, made: list[tuple[float, bool]], cause: str
) -> None:
    payments = attempts((-100, True), *made)
    assert futures([paid("a", -100, 40)], payments=payments)["a"].cause == cause


def test_a_reason_counts_more_than_a_failed_payment(futures: Futures) -> None:
    failed = attempts((-100, True), (38, False))
    assert futures([paid("a", -100, 40, "voluntary")], payments=failed)["a"].cause == "voluntary"


def test_a_refund_after_the_failed_payment_does_not_tell_the_cause(futures: Futures) -> None:
    payments = attempts((-100, True), (37, False), (38, True), (39, True))
    payments[2]["kind"], payments[3]["kind"] = "refund", "zero"
    assert futures([paid("a", -100, 40)], payments=payments)["a"].cause == "involuntary"


def test_a_period_of_length_0_is_no_paid_time(futures: Futures) -> None:
    rows = [paid("a", -100, 40, "voluntary"), paid("a", 60, 60), paid("a", 85)]
    assert futures(rows)["a"].churn_days == 40  # 45 days without paid time; the empty period is no return


@pytest.mark.parametrize(
    ("made", "never_paid"),
    [
        ([(-5, False), (-2, False)], True),
        ([(-5, False), (10, False)], True),
        ([(-5, False), (10, True)], False),
        ([(-5, False), (41, True)], True),  # what is paid after the end is for something else
        ([(-6, True), (-5, False)], False),  # paid up to a day ahead
        ([(-5, False), (-6.01, True)], True),
        ([], False),  # nothing was attempted: perhaps another account pays
    ],
)
def test_a_first_spell_of_which_every_payment_failed_is_none(
    futures: Futures, made: list[tuple[float, bool]], never_paid: bool
) -> None:
    found = futures([paid("a", -5, 40, "voluntary")], payments=attempts(*made))["a"]
    assert (found.gone, found.churn_days) == ((True, None) if never_paid else (False, 40))


def test_a_spell_from_before_payments_were_recorded_may_have_been_paid(futures: Futures) -> None:
    found = futures([paid("a", -100, 40)], payments=attempts((38, False)))["a"]
    assert (found.gone, found.churn_days, found.cause) == (False, 40, "involuntary")


def test_a_spell_that_runs_and_was_never_paid_is_none_either(futures: Futures) -> None:
    assert futures([paid("a", -5)], payments=attempts((-5, False), (200, False)))["a"].gone
    assert not futures([paid("a", -5)], payments=attempts((-5, False), (200, True)))["a"].gone


def test_a_second_spell_of_which_every_payment_failed_is_churn(futures: Futures) -> None:
    rows = [paid("a", -300, -200, "voluntary"), paid("a", -5, 40)]
    found = futures(rows, payments=attempts((-300, True), (-5, False), (35, False)))["a"]
    assert (found.gone, found.churn_days, found.cause) == (False, 40, "involuntary")


def test_an_end_within_the_last_days_of_grace_is_not_judged_yet(futures: Futures) -> None:
    ends = {"judged": OBSERVED - 1, "edge": OBSERVED, "open": OBSERVED + 5}
    found = futures([paid(name, -100, end, "voluntary") for name, end in ends.items()])
    assert {name: one.churn_days for name, one in found.items()} == {
        "judged": OBSERVED - 1, "edge": None, "open": None,
    }  # fmt: skip
    assert {one.followed_days for one in found.values()} == {OBSERVED}


def test_an_end_recorded_at_known_at_or_later_is_unknown(futures: Futures) -> None:
    late, in_time = KNOWN_AT, KNOWN_AT - timedelta(seconds=1)
    rows = [paid("late", -9, 40, end_recorded_at=late), paid("in time", -9, 40, end_recorded_at=in_time)]
    found = futures(rows)
    assert (found["late"].churn_days, found["in time"].churn_days) == (None, 40)


def test_a_return_that_is_booked_at_known_at_or_later_is_unknown(futures: Futures) -> None:
    left = paid("a", -100, 50, "voluntary")
    assert futures([left, paid("a", 60, recorded_at=KNOWN_AT)])["a"].churn_days == 50
    assert futures([left, paid("a", 60, recorded_at=KNOWN_AT - timedelta(seconds=1))])["a"].churn_days is None


def test_an_account_that_had_left_and_was_booked_late_is_gone(futures: Futures) -> None:
    found = futures([paid("a", -100, -5, "voluntary", end_recorded_at=day(3))])["a"]
    assert (found.gone, found.churn_days) == (True, None)


def test_whoever_left_and_was_back_before_as_of_is_not_gone(futures: Futures) -> None:
    found = futures([paid("a", -100, -20, "voluntary"), paid("a", -5, 70, "voluntary")])["a"]
    assert (found.gone, found.churn_days) == (False, 70)


def test_a_window_has_matured_only_when_all_of_it_was_followed() -> None:
    followed, never, gone = np.array([89.9, 90.0, 90.0]), np.full(3, np.nan), np.array([False, False, True])
    found = Outcomes(followed, never, never, np.array([""] * 3), gone)
    assert found.matured(90).tolist() == [False, True, False]


accounts = st.sampled_from("abc")
lengths = st.none() | st.integers(1, 250)
reasons = st.sampled_from([None, "voluntary", "payment_failed", "completed", "changed"])


@st.composite
def subscriptions(draw: st.DrawFn) -> Row:
    start, length = draw(st.integers(-200, 150)), draw(lengths)
    end = None if length is None else start + length
    late = timedelta(days=draw(st.integers(0, 60)))
    recorded = None if end is None else day(end) + late
    return paid(draw(accounts), start, end, None if end is None else draw(reasons), end_recorded_at=recorded)


quick = settings(max_examples=12, deadline=None, derandomize=True, database=None)
sure = [paid("stays", -300), paid("a", -300, 30, "voluntary")]


@quick
@given(past=st.lists(subscriptions(), max_size=5), future=st.lists(subscriptions(), min_size=1, max_size=5))
def test_nothing_recorded_after_known_at_matters(futures: Futures, past: list[Row], future: list[Row]) -> None:
    known_at = day(120)
    later = [row | {"recorded_at": known_at, "end_recorded_at": None, "ended_at": None} for row in future]
    unended = [
        row | {"ended_at": None, "end_recorded_at": None, "end_reason": None}
        if row["end_recorded_at"] is not None and row["end_recorded_at"] >= known_at  # type: ignore[operator]
        else row
        for row in past
    ]
    assert futures([*sure, *past, *later], known_at=known_at) == futures([*sure, *unended], known_at=known_at)
