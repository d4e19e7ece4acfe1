"""What each measure yields, computed by hand, and where exactly a window begins and ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.features.compiler.measures import (
    AS_OF,
    MOMENT,
    Row,
    Value,
    accounts,
    active,
    ago,
    errors,
    events,
    events_ago,
    tickets,
    values_of,
)
from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Measure, rows_of

# --- statistics ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "rows", "expected"),
    [
        (events.count(), events_ago(1, 10, 29), 3.0),
        (events.count(), [], 0.0),
        (events.sum("value"), values_of(1.5, None, 2), 3.5),
        (events.sum("value"), [], 0.0),
        (events.sum("value"), values_of(None), 0.0),
        (events.mean("value"), values_of(1, None, 2), 1.5),
        (events.mean("value"), values_of(None), None),
        (events.largest("value"), values_of(-3, -1, None, -2), -1.0),
        (events.largest("value"), [], None),
        (events.quantile("value", 0.75), values_of(40, 10, 30, 20), 32.5),  # 3 steps x 0.75 = 2.25 from 10
        (events.quantile("value", 0.5), values_of(40, 10, 30, 20, None), 25.0),
        (events.quantile("value", 0.95), values_of(0, 100), 95.0),
        (events.quantile("value", 1.0), values_of(10, 40), 40.0),
        (events.quantile("value", 0.5), values_of(7), 7.0),
        (events.quantile("value", 0.5), [], None),
        (events.distinct("name"), values_of("save", "save", "open", None, column="name"), 2.0),
        (events.distinct("name"), [], 0.0),
        (events.distinct_days(), [{"occurred_at": ago(1) - MOMENT}, *events_ago(1, 0.5)], 2.0),
        (events.distinct_days(), [], 0.0),
        (events.days_since_last(), events_ago(20, 1.25, 3), 1.25),
        (events.days_since_last(), [], None),
        (events.days_since_first(), events_ago(1.25, 20, 3), 20.0),
        (events.days_since_first(), [], None),
    ],
)  # fmt: skip
def test_a_statistic_of_the_last_30_days(value: Value, measure: Measure, rows: list[Row], expected: object) -> None:
    assert value(measure, rows, windows=(30,)) == expected
    assert value(measure, rows, lookback=30) == expected
    assert value(measure, rows) == expected


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["error", "view", "view", "view", "view", "error"], 0.5),
        (["view"], 0.0),
        (["error"], None),
        ([], None),
    ],
)
def test_a_ratio_is_null_where_nothing_stands_below(value: Value, kinds: list[str], expected: object) -> None:
    rate = errors.count() / events.where(kind="view").count()
    assert value(rate, values_of(*kinds, column="kind"), windows=(30,)) == expected


def test_hours_between_is_the_mean_of_rows_that_have_both_times(value: Value) -> None:
    answered = tickets.hours_between("opened_at", "first_response_at")
    rows = [
        {"opened_at": ago(10), "first_response_at": ago(10) + timedelta(hours=2)},
        {"opened_at": ago(5), "first_response_at": ago(5) + timedelta(hours=3, minutes=30)},
        {"opened_at": ago(1), "first_response_at": None},
        {"opened_at": ago(1), "first_response_at": AS_OF + timedelta(hours=1)},
    ]
    assert value(answered, rows, windows=(30,)) == 2.75
    assert value(answered, rows[2:], windows=(30,)) is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(9, "old"), (2, "new"), (5, "older")], "new"),
        ([(9, "old"), (2, None)], "old"),
        ([(2, "b"), (2, "c"), (2, "a")], "c"),  # of equal times the larger value, whatever the order of rows
        ([(2, None)], None),
        ([(40, "too old")], None),
    ],
)
def test_the_latest_value_is_the_newest_one_stated(value: Value, rows: list[tuple[int, str]], expected: str) -> None:
    given = [{"occurred_at": ago(days), "name": name} for days, name in rows]
    assert value(events.latest("name"), given, unit="text", windows=(30,)) == expected
    assert value(events.latest("name"), given[::-1], unit="text", windows=(30,)) == expected


def test_the_latest_number_is_a_number(value: Value) -> None:
    scores = [{"responded_at": ago(9), "score": 10}, {"responded_at": ago(2), "score": 3}]
    assert value(rows_of("surveys").latest("score"), scores) == 3.0


@pytest.mark.parametrize(
    ("renewals", "expected"),
    [
        ([(-10, None), (-3, None)], 3.0),
        ([(0, None)], 0.0),
        ([(1, None)], None),
        ([(None, 12)], None),
        ([(10, 1)], 365.25 / 12 - 10),
        ([(400, 12)], 2 * 365.25 - 400),
        ([(10, 0)], None),
        ([(10, 12), (-20, 12)], 20.0),
    ],
)
def test_days_until_looks_ahead_and_rolls_forward(value: Value, renewals: list[tuple], expected: object) -> None:
    """`renewals`: (days ago that it renews or renewed, term in months)."""
    rows = [
        {"started_at": ago(500), "renews_at": None if days is None else ago(days), "term_months": months}
        for days, months in renewals
    ]
    found = value(active.days_until("renews_at", every_months="term_months"), rows)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_days_until_without_a_term_does_not_roll(value: Value) -> None:
    rows = [{"started_at": ago(500), "renews_at": ago(10), "term_months": 1}]
    assert value(active.days_until("renews_at"), rows) is None


def test_time_is_measured_to_the_microsecond(value: Value) -> None:
    days = value(events.days_since_last(), [{"occurred_at": AS_OF - MOMENT}])
    assert days == pytest.approx(1e-6 / 86_400, rel=1e-12)


# --- when ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "counted"),
    [
        (AS_OF, 0),
        (AS_OF + MOMENT, 0),
        (AS_OF - MOMENT, 1),
        (ago(30), 1),
        (ago(30) - MOMENT, 0),
    ],
)
def test_a_window_is_closed_at_its_start_and_open_at_as_of(value: Value, moment: datetime, counted: int) -> None:
    rows = [{"occurred_at": moment}]
    assert value(events.count(), rows, windows=(30,)) == counted
    assert value(events.count(), rows, lookback=30) == counted


@pytest.mark.parametrize("days", [7, 90, 180, 365, 730, 1000])
def test_a_window_of_any_length_sees_all_of_itself(value: Value, days: int) -> None:
    rows = [{"occurred_at": ago(days)}, {"occurred_at": ago(days) - MOMENT}]
    assert value(events.count(), rows, windows=(days,)) == 1
    assert value(events.count(), rows) == 2


def test_a_trend_is_the_last_days_minus_those_before(value: Value) -> None:
    rows = [
        *events_ago(0, 1, 29, 30, 45),
        {"occurred_at": ago(30) - MOMENT},
        *events_ago(60),
        {"occurred_at": ago(60) - MOMENT},
    ]
    # In [-30, 0): 1, 29 and 30 days ago. In [-60, -30): 45, just over 30, and 60 days ago.
    assert value(events.count(), rows, trend=30) == 3 - 3
    assert value(events.count(), rows[:4], trend=30) == 3
    assert value(events.count(), rows[4:], trend=30) == -3


def test_the_trend_of_a_rate_needs_both_rates(value: Value) -> None:
    rate = errors.count() / events.where(kind="view").count()
    now = [*events_ago(1, kind="error"), *events_ago(1, 2, kind="view")]
    before = [*events_ago(40, kind="error"), *events_ago(40, 41, 42, 43, kind="view")]
    assert value(rate, [*now, *before], trend=30) == 0.25
    assert value(rate, now, trend=30) is None
    assert value(rate, before, trend=30) is None


def test_the_trend_of_days_since_last_counts_from_each_end(value: Value) -> None:
    assert value(events.days_since_last(), events_ago(4, 31), trend=30) == 4.0 - 1.0


def test_a_change_is_the_value_now_minus_the_value_then(value: Value) -> None:
    rows = [
        {"started_at": ago(200), "mrr": 50, "ended_at": ago(10), "end_recorded_at": ago(10)},
        {"started_at": ago(10), "mrr": 70},
    ]
    assert value(active.sum("mrr"), rows, change=90) == 70.0 - 50.0
    assert value(active.sum("mrr"), rows[1:], change=90) == 70.0
    assert value(active.sum("mrr"), rows[:1], change=90) == -50.0


def test_a_change_with_a_lookback_looks_back_from_each_end(value: Value) -> None:
    rows = events_ago(10, 89, 90, 100, 119, 120)
    assert value(events.count(), rows, lookback=30, change=90) == 1 - 3


def test_a_lookback_forgets_what_is_older(value: Value) -> None:
    assert value(events.days_since_last(), events_ago(366), lookback=365) is None
    assert value(events.days_since_last(), events_ago(365), lookback=365) == 365.0
    assert value(events.days_since_last(), events_ago(366)) == 366.0


def test_features_of_several_tables_stand_beside_each_other(features_of: Callable[..., dict]) -> None:
    cards = [
        Feature("errors", "Errors", "ux", "interaction", "count", errors.count(), windows=(7, 90)),
        Feature("tickets", "Tickets", "cx", "journey", "count", tickets.count(), windows=(30,)),
        Feature("segment", "Segment", "profile", "relationship", "text", accounts.latest("segment")),
    ]
    tables = {
        "events": [{"account_id": "a", **row} for row in events_ago(1, 10, kind="error")],
        "tickets": [{"account_id": "b", "opened_at": ago(days)} for days in (1, 2)],
        "accounts": [{"account_id": "b", "created_at": ago(100), "segment": "small"}],
    }
    columns = [column for card in cards for column in card.columns]
    found = features_of(columns, tables, AS_OF, ("a", "b"))
    assert found["a"] == {"errors_7": 1, "errors_90": 2, "tickets_30": 0, "segment": None}
    assert found["b"] == {"errors_7": 0, "errors_90": 0, "tickets_30": 2, "segment": "small"}
