"""The period that the source tables record completely: its first day, and the first day after it."""

from __future__ import annotations

from datetime import datetime

from tests.features.sources.files_by_hand import ACCOUNTS, EVENTS, NOW, Project
from undertow.features.sources.load import load_tables


def test_the_rows_end_at_the_midnight_after_the_last_recorded_one(project: Project) -> None:
    late = "account_id,occurred_at,recorded_at,kind\nada,2024-03-01 10:00:00,2024-03-04 23:00:00,error\n"
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": late}), NOW)
    assert tables.until == datetime(2024, 3, 5)


def test_the_record_begins_with_the_first_row_of_what_is_written_as_it_happens(project: Project) -> None:
    """A subscription carried over from an older system says nothing of those who had left before."""
    carried_over = {"account_id": "ada", "subscription_id": "s", "started_at": "2024-01-10", "mrr": 9}
    files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": [carried_over]}
    assert load_tables(project(files), NOW).since == datetime(2024, 1, 10)
    assert load_tables(project({**files, "events.csv": EVENTS}), NOW).since == datetime(2024, 3, 1)


def test_where_the_record_begins_and_ends_can_be_said(project: Project) -> None:
    toml = "[data]\nsince = 2024-02-01\nuntil = 2024-05-01"
    tables = load_tables(project({"accounts.csv": ACCOUNTS}, toml), NOW)
    assert (tables.since, tables.until) == (datetime(2024, 2, 1), datetime(2024, 5, 1))


def test_an_end_announced_for_later_does_not_prolong_the_rows(project: Project) -> None:
    subscription = {"account_id": "ada", "subscription_id": "s", "started_at": "2024-02-01", "mrr": 9}
    rows = [{**subscription, "ended_at": "2030-12-31"}]
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "subscriptions.csv": rows}), NOW)
    assert tables.until == datetime(2024, 2, 2)


def test_today_is_still_being_written(project: Project) -> None:
    text = "account_id,occurred_at,kind\nada,2024-06-14 10:00:00,error\nada,2024-06-15 11:59:00,error\n"
    files = {"accounts.csv": ACCOUNTS, "events.csv": text}
    assert load_tables(project(files), NOW).until == datetime(2024, 6, 15)
