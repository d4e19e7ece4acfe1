"""What each measure yields, computed by hand, and where exactly a window begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import duckdb
import pytest

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Measure, Ratio, Rows, measures, rows_of
from undertow.features.compiler.plan import plan_features

AS_OF = datetime(2024, 3, 31)
MOMENT = timedelta(microseconds=1)
Row = Mapping[str, object]
Value = Callable[..., object]

accounts = rows_of("accounts")
events = rows_of("events")
tickets = rows_of("tickets")
invoices = rows_of("invoices")
subscriptions = rows_of("subscriptions")
errors = events.where(kind="error")
active = subscriptions.still("ended_at")


def ago(days: float) -> datetime:
    """Return the moment so many days before as_of; after it, where negative."""
    return AS_OF - timedelta(days=days)


@pytest.fixture
def value(features_of: Callable[..., dict[str, dict[str, object]]]) -> Value:
    """Return a function that computes a measure over rows of account "a" at AS_OF.

    `card`: windows, trend, change or lookback; the last column of the card is returned.
    """

    def compute(measure: Measure | Ratio, rows: Sequence[Row], unit: str = "count", **card: object) -> object:
        feature = Feature("x", "X", "ux", "interaction", unit, measure, **card)  # type: ignore[arg-type]
        table = measures(measure)[0].rows.table
        mine = [{"account_id": "a", **row} for row in rows]
        column = feature.columns[-1]
        return features_of([column], {table: mine}, AS_OF)["a"][column.name]

    return compute


def _events(*days_ago: float, **more: object) -> list[Row]:
    return [{"occurred_at": ago(days), **more} for days in days_ago]


def _values(*values: object, column: str = "value") -> list[Row]:
    return [{"occurred_at": ago(1), column: value} for value in values]


# --- statistics ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "rows", "expected"),
    [
        (events.count(), _events(1, 10, 29), 3.0),
        (events.count(), [], 0.0),
        (events.sum("value"), _values(1.5, None, 2), 3.5),
        (events.sum("value"), [], 0.0),
        (events.sum("value"), _values(None), 0.0),
        (events.mean("value"), _values(1, None, 2), 1.5),
        (events.mean("value"), _values(None), None),
        (events.largest("value"), _values(-3, -1, None, -2), -1.0),
        (events.largest("value"), [], None),
        (events.quantile("value", 0.75), _values(40, 10, 30, 20), 32.5),  # 3 steps x 0.75 = 2.25 from 10
        (events.quantile("value", 0.5), _values(40, 10, 30, 20, None), 25.0),
        (events.quantile("value", 0.95), _values(0, 100), 95.0),
        (events.quantile("value", 1.0), _values(10, 40), 40.0),
        (events.quantile("value", 0.5), _values(7), 7.0),
        (events.quantile("value", 0.5), [], None),
        (events.distinct("name"), _values("save", "save", "open", None, column="name"), 2.0),
        (events.distinct("name"), [], 0.0),
        (events.distinct_days(), [{"occurred_at": ago(1) - MOMENT}, *_events(1, 0.5)], 2.0),
        (events.distinct_days(), [], 0.0),
        (events.days_since_last(), _events(20, 1.25, 3), 1.25),
        (events.days_since_last(), [], None),
        (events.days_since_first(), _events(1.25, 20, 3), 20.0),
        (events.days_since_first(), [], None),
    ],
)  # fmt: skip
def test_a_statistic_of_the_last_30_days(
    value: Value, measure: Measure, rows: list[Row], expected: object
) -> None:
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
    assert value(rate, _values(*kinds, column="kind"), windows=(30,)) == expected


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
def test_the_latest_value_is_the_newest_one_stated(
    value: Value, rows: list[tuple[int, str]], expected: str
) -> None:
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
def test_days_until_looks_ahead_and_rolls_forward(
    value: Value, renewals: list[tuple], expected: object
) -> None:
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


# --- which rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (events.above(value=2).count(), 1.0),
        (events.at_least(value=2).count(), 2.0),
        (events.below(value=2).count(), 1.0),
        (events.where(value=2).count(), 1.0),
        (events.where(value=(1, 3)).count(), 2.0),
        (events.known("value").count(), 3.0),
        (events.above(value=1).below(value=3).count(), 1.0),
        (events.above(value=1).where(name="save").count(), 0.0),
    ],
)
def test_conditions_narrow_the_rows(value: Value, measure: Measure, expected: float) -> None:
    assert value(measure, _values(1, 2, 3, None), windows=(30,)) == expected


@pytest.mark.parametrize(
    ("paid", "open_count", "paid_count"),
    [(None, 1, 0), (ago(3), 0, 1), (ago(0) - MOMENT, 0, 1), (AS_OF, 1, 0), (ago(-5), 1, 0)],
)
def test_a_bill_is_open_until_its_payment_is_past(
    value: Value, paid: datetime | None, open_count: int, paid_count: int
) -> None:
    rows = [{"issued_at": ago(30), "paid_at": paid}]
    assert value(invoices.still("paid_at").count(), rows) == open_count
    assert value(invoices.past("paid_at").count(), rows) == paid_count


@pytest.mark.parametrize(("due", "overdue"), [(AS_OF - MOMENT, 1), (AS_OF, 0), (ago(-9), 0), (None, 0)])
def test_a_bill_is_overdue_once_its_day_is_past(value: Value, due: datetime | None, overdue: int) -> None:
    rows = [{"issued_at": ago(30), "due_at": due}]
    assert value(invoices.still("paid_at").past("due_at").count(), rows) == overdue


def test_timed_by_places_a_row_by_another_of_its_times(value: Value) -> None:
    rows = [
        {"opened_at": ago(900), "resolved_at": ago(3)},
        {"opened_at": ago(20), "resolved_at": ago(0)},
        {"opened_at": ago(60), "resolved_at": ago(31)},
    ]
    assert value(tickets.timed_by("resolved_at").count(), rows, windows=(30,)) == 1
    assert value(tickets.count(), rows, windows=(30,)) == 1
    assert value(tickets.timed_by("resolved_at").days_since_last(), rows) == 3.0


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
def test_a_window_is_closed_at_its_start_and_open_at_as_of(
    value: Value, moment: datetime, counted: int
) -> None:
    rows = [{"occurred_at": moment}]
    assert value(events.count(), rows, windows=(30,)) == counted
    assert value(events.count(), rows, lookback=30) == counted


@pytest.mark.parametrize("days", [7, 90, 180, 365, 730, 1000])
def test_a_window_of_any_length_sees_all_of_itself(value: Value, days: int) -> None:
    rows = [{"occurred_at": ago(days)}, {"occurred_at": ago(days) - MOMENT}]
    assert value(events.count(), rows, windows=(days,)) == 1
    assert value(events.count(), rows) == 2


@pytest.mark.parametrize(
    ("recorded", "counted"),
    [(AS_OF - MOMENT, 1), (AS_OF, 0), (AS_OF + MOMENT, 0), (ago(40), 1)],
)
def test_a_row_counts_only_once_it_was_recorded(value: Value, recorded: datetime, counted: int) -> None:
    rows = [{"occurred_at": ago(5), "recorded_at": recorded}]
    assert value(events.count(), rows, windows=(30,)) == counted


def test_a_row_recorded_ahead_counts_only_once_it_happened(value: Value) -> None:
    rows = [{"started_at": ago(-10), "recorded_at": ago(10), "mrr": 50}]
    assert value(active.sum("mrr"), rows) == 0.0


@pytest.mark.parametrize(
    ("resolved", "still_open"), [(AS_OF - MOMENT, 0), (AS_OF, 1), (ago(-3), 1), (None, 1)]
)
def test_a_ticket_resolved_at_or_after_as_of_is_still_open(
    value: Value, resolved: datetime | None, still_open: int
) -> None:
    rows = [{"opened_at": ago(10), "resolved_at": resolved}]
    assert value(tickets.still("resolved_at").count(), rows, lookback=365) == still_open
    hours = value(
        tickets.timed_by("resolved_at").hours_between("opened_at", "resolved_at"), rows, windows=(30,)
    )
    assert (hours is None) == bool(still_open)


@pytest.mark.parametrize(
    ("rows", "late"),
    [
        (tickets, "first_response_at"),
        (tickets, "resolved_at"),
        (tickets, "reopened_at"),
        (tickets, "escalated_at"),
        (tickets, "csat_at"),
        (invoices, "paid_at"),
        (rows_of("users"), "left_at"),
        (subscriptions, "end_recorded_at"),
    ],
)
@pytest.mark.parametrize(
    ("came", "hours"), [(AS_OF - timedelta(hours=1), 23.0), (AS_OF, None), (ago(-9), None)]
)
def test_a_time_that_nobody_knew_before_is_not_shown_before(
    value: Value, rows: Rows, late: str, came: datetime, hours: float | None
) -> None:
    given = [{rows.clock: ago(1), late: came}]
    assert value(rows.hours_between(rows.clock, late), given) == hours
    assert value(rows.known(late).count(), given) == (hours is not None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"csat": 5, "csat_at": ago(1)}, 5.0),
        ({"csat": 5, "csat_at": AS_OF}, None),
        ({"csat": 5, "csat_at": ago(-1), "resolved_at": ago(3)}, None),
        ({"csat": 5, "resolved_at": ago(1)}, 5.0),
        ({"csat": 5, "resolved_at": ago(-1)}, None),
        ({"csat": 5}, None),
    ],
)
def test_a_rating_is_known_from_the_moment_it_was_given(value: Value, row: Row, expected: object) -> None:
    rows = [{"opened_at": ago(10), **row}]
    assert value(tickets.timed_by("csat_at").known("csat").mean("csat"), rows, windows=(90,)) == expected
    assert value(tickets.mean("csat"), rows, windows=(90,)) == expected
    assert value(tickets.known("csat").count(), rows) == (expected is not None)


@pytest.mark.parametrize(
    ("ended", "booked", "mrr", "ends"),
    [
        (None, None, 50.0, 0),
        (5, 5, 0.0, 1),
        (5, 1, 0.0, 1),
        (5, -1, 50.0, 0),  # booked late: at as_of nobody knew
        (-10, 20, 50.0, 0),  # announced in advance: it runs on until then
        (0, 20, 50.0, 0),
        (-10, -10, 50.0, 0),
    ],
)
def test_a_subscription_runs_until_an_end_that_has_come_and_is_known(
    value: Value, ended: float | None, booked: float | None, mrr: float, ends: int
) -> None:
    end = {
        "ended_at": None if ended is None else ago(ended),
        "end_recorded_at": None if booked is None else ago(booked),
    }
    rows = [{"started_at": ago(200), "mrr": 50, "end_reason": "price", **end}]
    assert value(active.sum("mrr"), rows) == mrr
    assert value(subscriptions.timed_by("ended_at").count(), rows, windows=(90,)) == ends


@pytest.mark.parametrize(("booked", "known"), [(AS_OF - MOMENT, 1), (AS_OF, 0)])
def test_the_reason_of_an_end_is_known_with_its_booking(value: Value, booked: datetime, known: int) -> None:
    rows = [{"started_at": ago(200), "ended_at": ago(9), "end_recorded_at": booked, "end_reason": "price"}]
    assert value(subscriptions.where(end_reason="price").count(), rows) == known


def test_a_trend_is_the_last_days_minus_those_before(value: Value) -> None:
    rows = [
        *_events(0, 1, 29, 30, 45),
        {"occurred_at": ago(30) - MOMENT},
        *_events(60),
        {"occurred_at": ago(60) - MOMENT},
    ]
    # In [-30, 0): 1, 29 and 30 days ago. In [-60, -30): 45, just over 30, and 60 days ago.
    assert value(events.count(), rows, trend=30) == 3 - 3
    assert value(events.count(), rows[:4], trend=30) == 3
    assert value(events.count(), rows[4:], trend=30) == -3


def test_the_trend_of_a_rate_needs_both_rates(value: Value) -> None:
    rate = errors.count() / events.where(kind="view").count()
    now = [*_events(1, kind="error"), *_events(1, 2, kind="view")]
    before = [*_events(40, kind="error"), *_events(40, 41, 42, 43, kind="view")]
    assert value(rate, [*now, *before], trend=30) == 0.25
    assert value(rate, now, trend=30) is None
    assert value(rate, before, trend=30) is None


def test_the_trend_of_days_since_last_counts_from_each_end(value: Value) -> None:
    assert value(events.days_since_last(), _events(4, 31), trend=30) == 4.0 - 1.0


def test_a_change_is_the_value_now_minus_the_value_then(value: Value) -> None:
    rows = [
        {"started_at": ago(200), "mrr": 50, "ended_at": ago(10), "end_recorded_at": ago(10)},
        {"started_at": ago(10), "mrr": 70},
    ]
    assert value(active.sum("mrr"), rows, change=90) == 70.0 - 50.0
    assert value(active.sum("mrr"), rows[1:], change=90) == 70.0
    assert value(active.sum("mrr"), rows[:1], change=90) == -50.0


def test_a_change_with_a_lookback_looks_back_from_each_end(value: Value) -> None:
    rows = _events(10, 89, 90, 100, 119, 120)
    assert value(events.count(), rows, lookback=30, change=90) == 1 - 3


def test_a_lookback_forgets_what_is_older(value: Value) -> None:
    assert value(events.days_since_last(), _events(366), lookback=365) is None
    assert value(events.days_since_last(), _events(365), lookback=365) == 365.0
    assert value(events.days_since_last(), _events(366)) == 366.0


def test_accounts_and_moments_do_not_mix() -> None:
    feature = Feature("x", "X", "ux", "interaction", "count", errors.count() / events.count(), windows=(30,))
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE events AS SELECT *, occurred_at AS recorded_at FROM (VALUES "
            "('a', TIMESTAMP '2024-03-10', 'error'), ('a', TIMESTAMP '2024-04-10', 'view'), "
            "('b', TIMESTAMP '2024-03-10', 'view')) AS t(account_id, occurred_at, kind)"
        )
        connection.execute(
            "CREATE TABLE looks AS SELECT * FROM (VALUES ('a', TIMESTAMP '2024-03-31'), "
            "('a', TIMESTAMP '2024-04-30'), ('b', TIMESTAMP '2024-03-31'), ('c', TIMESTAMP '2024-03-31')"
            ") AS t(account_id, as_of)"
        )
        query = plan_features(feature.columns, snapshots="looks").sql()
        found = connection.sql(f"FROM ({query}) ORDER BY ALL").fetchall()
    assert [(account, as_of.month, rate) for account, as_of, rate in found] == [
        ("a", 3, 1.0), ("a", 4, 0.0), ("b", 3, 0.0), ("c", 3, None),
    ]  # fmt: skip


def test_features_of_several_tables_stand_beside_each_other(features_of: Callable[..., dict]) -> None:
    cards = [
        Feature("errors", "Errors", "ux", "interaction", "count", errors.count(), windows=(7, 90)),
        Feature("tickets", "Tickets", "cx", "journey", "count", tickets.count(), windows=(30,)),
        Feature("segment", "Segment", "profile", "relationship", "text", accounts.latest("segment")),
    ]
    tables = {
        "events": [{"account_id": "a", **row} for row in _events(1, 10, kind="error")],
        "tickets": [{"account_id": "b", "opened_at": ago(days)} for days in (1, 2)],
        "accounts": [{"account_id": "b", "created_at": ago(100), "segment": "small"}],
    }
    columns = [column for card in cards for column in card.columns]
    found = features_of(columns, tables, AS_OF, ("a", "b"))
    assert found["a"] == {"errors_7": 1, "errors_90": 2, "tickets_30": 0, "segment": None}
    assert found["b"] == {"errors_7": 0, "errors_90": 0, "tickets_30": 2, "segment": "small"}
