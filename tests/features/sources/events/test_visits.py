"""Visits are counted like rows: exactly one event of each visit is marked, whatever is recorded later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.tables_by_hand import as_arrow
from undertow.features.settings import Settings
from undertow.features.sources.events.visits import mark_visits
from undertow.features.sources.load import load_tables

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2024, 3, number, hour)


def event(name: str, occurred_at: datetime, **more: object) -> Row:
    return {"account_id": "a", "event_id": name, "occurred_at": occurred_at, "kind": "click", **more}


def opening(rows: Sequence[Row]) -> set[str]:
    """Return the events that open a visit."""
    with duckdb.connect() as connection:
        connection.register("given", as_arrow("events", rows))
        connection.execute("CREATE TABLE events AS FROM given")
        mark_visits(connection)
        found = connection.execute("SELECT event_id, opens_visit FROM events").fetchall()
    assert {mark for _, mark in found} <= {True, None}
    return {name for name, mark in found if mark}


def test_a_session_is_one_visit_whoever_was_in_it_and_however_long() -> None:
    rows = [
        event("1", day(1), session_id="s", user_id="u"),
        event("2", day(2), session_id="s", user_id="v"),
        event("3", day(2), session_id="t", user_id="v"),
        event("4", day(2), session_id="s", account_id="b"),
    ]
    assert opening(rows) == {"1", "3", "4"}


def test_without_a_session_the_events_of_a_user_on_one_day_are_a_visit() -> None:
    rows = [
        event("1", day(1, hour=9), user_id="u"),
        event("2", day(1, hour=23), user_id="u"),
        event("3", day(1, hour=8), user_id="v"),
        event("4", day(2), user_id="u"),
        event("5", day(2)),
    ]
    assert opening(rows) == {"1", "3", "4"}, "who is unknown, without a session, is in no visit"


def test_the_row_that_was_known_first_is_marked_and_not_the_earliest() -> None:
    rows = [
        event("earliest", day(1), recorded_at=day(9), session_id="s"),
        event("first", day(2), recorded_at=day(3), session_id="s"),
        event("recorded ahead", day(4), recorded_at=day(1), session_id="s"),
    ]
    assert opening(rows) == {"first"}


def test_of_rows_that_were_known_together_the_earliest_is_marked_then_the_first_by_its_name() -> None:
    rows = [
        event(name, day(1, hour), recorded_at=day(2), session_id="s") for name, hour in (("b", 2), ("c", 1), ("a", 1))
    ]
    assert opening(rows) == {"a"}
    assert opening(rows[::-1]) == {"a"}


@pytest.mark.parametrize("by", [day(2), day(4), day(6), day(8)])
def test_the_marks_of_what_was_known_by_then_are_those_of_all_rows(by: datetime) -> None:
    """So visits at an old as_of are the same whether the rows recorded since then are there or not."""
    rows = [
        event(f"{number}", day(1 + number % 5, number), recorded_at=day(1 + number % 5 + number % 4, number),
              session_id=f"s{number % 3}")
        for number in range(24)
    ]  # fmt: skip
    known = [row for row in rows if max(row["occurred_at"], row["recorded_at"]) < by]  # type: ignore[type-var]
    assert opening(known) == opening(rows) & {row["event_id"] for row in known}
    assert 0 < len(known) < len(rows)


def test_loading_marks_visits_for_the_surviving_account_of_a_merge_too(project: Callable[..., Settings]) -> None:
    """The session of the merged account a is a visit of b as well, from the merge on."""
    events = [
        {"account_id": "a", "event_id": name, "occurred_at": f"2024-02-0{number}", "kind": "click", "session_id": "s"}
        for number, name in ((2, "second"), (1, "first"))
    ]
    files = {
        "accounts.csv": [{"account_id": name, "created_at": "2024-01-01"} for name in "ab"],
        "events.csv": events,
        "merges.csv": [{"account_id": "a", "merged_into": "b", "merged_at": "2024-03-01"}],
    }
    tables = load_tables(project(files), NOW)
    rows = pq.read_table(tables.path("events")).to_pylist()
    assert sorted((row["account_id"], row["event_id"], row["opens_visit"]) for row in rows) == [
        ("a", "first", True),
        ("a", "second", None),
        ("b", "first", True),
        ("b", "second", None),
    ]
