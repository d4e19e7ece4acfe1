"""The conditions that rows must meet, and the time column that assigns them to windows, by both plans."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.features.compiler.measures import AS_OF, MOMENT, Value, ago, events, invoices, tickets, values_of
from undertow.features.catalogue.language import Measure


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
    assert value(measure, values_of(1, 2, 3, None), windows=(30,)) == expected


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


@pytest.mark.parametrize(
    ("resolved", "reopened", "is_open"),
    [
        (None, None, 1),
        (ago(27), None, 0),
        (AS_OF, None, 1),
        (ago(27), ago(25), 1),
        (ago(27), ago(27), 0),
        (ago(27), ago(28), 0),  # resolved again
        (ago(27), AS_OF - MOMENT, 1),
        (ago(27), AS_OF, 0),
        (None, ago(25), 1),
    ],
)
def test_a_ticket_is_open_until_it_is_resolved_and_again_from_its_reopening(
    value: Value, resolved: datetime | None, reopened: datetime | None, is_open: int
) -> None:
    rows = [{"opened_at": ago(30), "resolved_at": resolved, "reopened_at": reopened}]
    assert value(tickets.open("resolved_at", "reopened_at").count(), rows) == is_open


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
