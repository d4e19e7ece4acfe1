"""Subscription periods that touch, histories left open, renewals known too early, and changes recorded ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import pytest

from tests.features.sources.rows_by_hand import ACCOUNTS, GOOD
from undertow.features.settings import Settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables
from undertow.features.sources.periods import RENEWAL_TOO_LATE

NOW = datetime(2024, 6, 15, 12)
Row = Mapping[str, object]
Project = Callable[..., Settings]
Load = Callable[..., Tables]


@pytest.fixture
def load(project: Project) -> Load:
    """Return a function that loads subscriptions beside the accounts Ada and Bo, and one event."""

    def read(rows: Sequence[Row], toml: str = "") -> Tables:
        files = {"accounts.csv": ACCOUNTS, "subscriptions.csv": rows, "events.csv": [GOOD["events"]]}
        return read_tables(project(files, toml), NOW)

    return read


def period(name: str, started_at: object, ended_at: object = "", **more: object) -> Row:
    return {
        "account_id": "ada",
        "subscription_id": name,
        "started_at": started_at,
        "ended_at": ended_at,
        "mrr": 50,
        **more,
    }


def ends(tables: Tables) -> dict[str, object]:
    rows = pq.read_table(tables.path("subscriptions")).to_pylist()
    return {row["subscription_id"]: row["ended_at"] for row in rows}


START = datetime(2024, 4, 1)


@pytest.mark.parametrize(
    ("gap_hours", "touches"), [(0.0003, True), (24, True), (26, True), (26.01, False), (24 * 20, False)]
)
def test_a_short_gap_between_two_periods_of_an_account_is_none(load: Load, gap_hours: float, touches: bool) -> None:
    end = START - timedelta(hours=gap_hours)
    tables = load([period("old", "2024-03-01", end), period("new", START)])
    assert ends(tables) == {"old": START if touches else end, "new": None}
    assert any(f"ends moved to the next start: {int(touches)}." in note for note in tables.notes)


def test_how_far_periods_may_lie_apart_can_be_set(load: Load) -> None:
    rows = [period("old", "2024-03-01", "2024-03-29"), period("new", START)]
    assert ends(load(rows, "[churn]\ntouching = 72"))["old"] == START
    assert ends(load(rows, "[churn]\ntouching = 0"))["old"] == datetime(2024, 3, 29)


def test_only_the_next_paid_period_of_the_same_account_closes_a_gap(load: Load) -> None:
    old, free = period("old", "2024-03-01", "2024-03-31"), period("free", START, mrr=0)
    rows = [old, free, period("other", START, account_id="bo"), period("never", START, START)]
    assert ends(load(rows))["old"] == datetime(2024, 3, 31)


def test_a_price_history_left_open_is_said_by_every_command(load: Load) -> None:
    tables = load([period("s", "2024-03-01"), period("s", "2024-05-01"), period("t", "2024-03-01")])
    [caution] = tables.cautions
    assert caution.startswith(
        "subscriptions: 1 period of a subscription did not end when its next one began (such as s)"
    )
    assert caution in tables.warnings


@pytest.mark.parametrize(
    ("renews_at", "refused"),
    [("2024-04-01", False), ("2024-04-02", False), ("2024-04-05", True), ("2024-06-01", True), ("", False)],
)
def test_a_renewal_after_the_first_term_was_known_too_late(load: Load, renews_at: str, refused: bool) -> None:
    tables = load([period("s", "2024-03-01 12:00", term_months=1, renews_at=renews_at)])
    assert [r.reason for r in tables.report("subscriptions").reasons] == ([RENEWAL_TOO_LATE] if refused else [])


def test_a_row_from_before_the_record_may_hold_the_renewal_after_it_began(load: Load) -> None:
    """The record begins on 1 March with the event; a row of 2023 may have been written then."""
    accounts = [{**row, "created_at": "2022-01-01"} for row in ACCOUNTS]
    row = period("s", "2023-01-10", term_months=12, renews_at="2025-01-10")
    assert (
        accounts
        and load([{**row, "started_at": "2024-01-10", "renews_at": "2025-02-20"}]).report("subscriptions").kept == 1
    )
    assert load([{**row, "started_at": "2024-01-10", "renews_at": "2025-03-10"}]).report("subscriptions").kept == 0


def test_without_other_tables_nothing_says_when_a_renewal_was_written(project: Project) -> None:
    rows = [period("s", "2024-03-01", term_months=1, renews_at="2024-06-20")]
    tables = read_tables(project({"accounts.csv": ACCOUNTS, "subscriptions.csv": rows}), NOW)
    assert tables.report("subscriptions").kept == 1


def test_changes_recorded_ahead_are_listed(load: Load) -> None:
    rows = [
        period("ends", "2024-03-01", "2024-07-20", end_recorded_at="2024-05-10"),
        period("pauses", "2024-03-01", "2024-07-01", end_recorded_at="2024-05-11", end_reason="paused"),
        period("starts", "2024-08-01", recorded_at="2024-05-12", mrr=20),
        period("ended", "2024-03-01", "2024-04-20"),
        period("late", "2024-03-01", "2024-04-20", end_recorded_at="2024-05-20"),
    ]
    tables = load(rows)
    planned = pq.read_table(tables.path("planned_changes")).sort_by("announced_at").to_pylist()
    names = ("subscription_id", "kind", "announced_at", "takes_effect_at", "mrr")
    assert [tuple(row[name] for name in names) for row in planned] == [
        ("ends", "end", datetime(2024, 5, 10), datetime(2024, 7, 20), 50),
        ("pauses", "pause", datetime(2024, 5, 11), datetime(2024, 7, 1), 50),
        ("starts", "start", datetime(2024, 5, 12), datetime(2024, 8, 1), 20),
    ]  # fmt: skip
    assert "planned_changes" in tables.present


def test_a_start_in_the_future_that_nobody_announced_is_refused(load: Load) -> None:
    tables = load([period("s", "2024-08-01")])
    assert [reason.reason for reason in tables.report("subscriptions").reasons] == ["started_at is in the future"]
