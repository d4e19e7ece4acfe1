"""The period that the source tables record completely: its first day, and the first day after it."""

from __future__ import annotations

from datetime import datetime

from tests.features.sources.files_by_hand import ACCOUNTS, EVENTS, NOW, Project, Row
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


def logins(*days: str) -> list[Row]:
    return [{"account_id": "ada", "occurred_at": day, "kind": "login", "event_id": day} for day in days]


def opened(*days: str) -> list[Row]:
    return [{"account_id": "ada", "ticket_id": day, "opened_at": day} for day in days]


OLD_ACCOUNTS: list[Row] = [{"account_id": "ada", "created_at": "2010-01-01"}]


def test_one_old_row_does_not_begin_the_record_and_is_named(project: Project) -> None:
    files = {"accounts.csv": OLD_ACCOUNTS, "tickets.csv": opened("2011-05-05", "2024-04-01"),
             "events.csv": logins("2024-01-10", "2024-04-30")}  # fmt: skip
    tables = load_tables(project(files), NOW)
    assert tables.since == datetime(2024, 1, 10)
    assert tables.spans["tickets"].first == datetime(2024, 4, 1)
    assert any(
        note.startswith("tickets: 1 row a year or more outside all others (from 2011-05-05)") for note in tables.notes
    )


def test_one_stray_row_does_not_prolong_the_record(project: Project) -> None:
    days = [f"2022-01-{day:02}" for day in range(1, 29)]
    tables = load_tables(project({"accounts.csv": OLD_ACCOUNTS, "events.csv": logins(*days, "2024-05-01")}), NOW)
    assert tables.until == datetime(2022, 1, 29)


def test_an_old_part_of_many_rows_is_part_of_the_record(project: Project) -> None:
    days = [f"2020-01-{day:02}" for day in range(1, 11)] + [f"2024-01-{day:02}" for day in range(1, 29)]
    tables = load_tables(project({"accounts.csv": OLD_ACCOUNTS, "events.csv": logins(*days)}), NOW)
    assert (tables.since, tables.spans["events"].lone) == (datetime(2020, 1, 1), 0)


def test_a_table_that_stops_months_before_the_others_is_stale(project: Project) -> None:
    paid = {"account_id": "ada", "attempted_at": "2024-06-10", "succeeded": "true", "amount": 5}
    files = {"accounts.csv": OLD_ACCOUNTS, "payments.csv": [paid], "tickets.csv": opened("2024-03-20"),
             "events.csv": logins("2023-06-01", "2024-01-15", "2024-02-15")}  # fmt: skip
    tables = load_tables(project(files), NOW)
    assert tables.stale == {"events": datetime(2024, 2, 16)}
    [warning] = tables.warnings
    assert warning.startswith("events end on 2024-02-15, 116 days before the record does: what they measure is unknown")


def test_surveys_that_come_once_a_year_are_not_stale(project: Project) -> None:
    survey = {"account_id": "ada", "kind": "nps", "score": 9}
    days = [f"{year}-01-{day}" for year in (2022, 2023, 2024) for day in (10, 11, 12)]
    waves = [{**survey, "survey_id": day, "responded_at": day} for day in days]
    files = {"accounts.csv": OLD_ACCOUNTS, "surveys.csv": waves, "events.csv": logins("2022-01-01", "2024-06-10")}
    assert load_tables(project(files), NOW).stale == {}


def test_a_value_that_came_late_keeps_its_table_alive(project: Project) -> None:
    tickets = [{**row, "resolved_at": "2024-06-01"} for row in opened("2024-01-20")]
    files = {"accounts.csv": OLD_ACCOUNTS, "tickets.csv": tickets, "events.csv": logins("2024-01-10", "2024-06-10")}
    assert load_tables(project(files), NOW).stale == {}


def test_last_days_with_hardly_any_rows_are_named(project: Project) -> None:
    full = [f"2024-05-{day:02} {hour:02}:00" for day in range(1, 31) for hour in range(24)]
    tables = load_tables(project({"accounts.csv": OLD_ACCOUNTS, "events.csv": logins(*full, "2024-05-31 01:00")}), NOW)
    [note] = [note for note in tables.notes if "usual day" in note]
    assert note.startswith("events: 2024-05-31 has 1 rows, a usual day 24. If the export ends there, set [data] until")


def test_the_rows_of_each_month_are_counted(project: Project) -> None:
    tables = load_tables(
        project({"accounts.csv": OLD_ACCOUNTS, "events.csv": logins("2024-03-01", "2024-03-09", "2024-05-01")}), NOW
    )
    assert tables.spans["events"].months == {"2024-03": 2, "2024-05": 1}
