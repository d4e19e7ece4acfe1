"""Point-in-time by example: when a row, a late value or the end of a subscription is known, by both plans."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.features.compiler.measures import (
    AS_OF,
    MOMENT,
    Row,
    Value,
    active,
    ago,
    events,
    invoices,
    subscriptions,
    tickets,
)
from undertow.features.catalogue.language import Rows, rows_of


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


@pytest.mark.parametrize(("resolved", "still_open"), [(AS_OF - MOMENT, 0), (AS_OF, 1), (ago(-3), 1), (None, 1)])
def test_a_ticket_resolved_at_or_after_as_of_is_still_open(
    value: Value, resolved: datetime | None, still_open: int
) -> None:
    rows = [{"opened_at": ago(10), "resolved_at": resolved}]
    assert value(tickets.still("resolved_at").count(), rows, lookback=365) == still_open
    hours = value(tickets.timed_by("resolved_at").hours_between("opened_at", "resolved_at"), rows, windows=(30,))
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
@pytest.mark.parametrize(("came", "hours"), [(AS_OF - timedelta(hours=1), 23.0), (AS_OF, None), (ago(-9), None)])
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
