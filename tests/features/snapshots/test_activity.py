"""Who is a customer where nobody cancels: accounts with a purchase or a use lately, as known at each as_of."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.tables_by_hand import Row, write_tables
from undertow.features.engines.duckdb import InDuckDB, open_duckdb
from undertow.features.errors import DataError
from undertow.features.settings import Engine, make_settings
from undertow.features.snapshots.activity import Activity, activity_of
from undertow.features.snapshots.population import open_tables, take_population

APRIL, MAY = datetime(2024, 4, 1), datetime(2024, 5, 1)
BOTH = Activity(30, ("payments", "events"))


def bought(account: str, day: datetime, **more: object) -> Row:
    return {"account_id": account, "attempted_at": day, "succeeded": True, "kind": "attempt", **more}


def used(account: str, day: datetime, kind: str = "click", **more: object) -> Row:
    return {"account_id": account, "occurred_at": day, "kind": kind, **more}


def customers(folder: Path, activity: Activity, payments: list[Row], events: list[Row]) -> set[tuple[str, str]]:
    """Return (account, month) of the customers at the start of April and May."""
    tables = write_tables(folder, {"payments": payments, "events": events}, datetime(2023, 1, 1), datetime(2024, 6, 1))
    with open_duckdb(Engine(threads=1), folder / "spill") as connection:
        database = InDuckDB(connection)
        open_tables(database, tables)
        take_population(database, [APRIL, MAY], activity)
        found = database.arrow("SELECT account_id, as_of FROM population", "population").to_pylist()
    return {(row["account_id"], f"{row['as_of']:%m}") for row in found}


def test_a_purchase_or_a_use_within_the_days_makes_a_customer(tmp_path: Path) -> None:
    payments = [bought("buyer", datetime(2024, 3, 2)), bought("too long ago", datetime(2024, 3, 1, 23))]
    events = [used("user", datetime(2024, 3, 31, 23, 59)), used("not yet", APRIL)]
    assert customers(tmp_path, BOTH, payments, events) == {("buyer", "04"), ("user", "04"), ("not yet", "05")}


def test_only_what_was_recorded_before_as_of_counts(tmp_path: Path) -> None:
    payments = [bought("late", datetime(2024, 3, 20), recorded_at=APRIL)]
    assert customers(tmp_path, BOTH, payments, []) == {("late", "05")} - {("late", "05")}  # 42 days before May
    payments = [bought("late", datetime(2024, 4, 20), recorded_at=datetime(2024, 4, 25))]
    assert customers(tmp_path, BOTH, payments, []) == {("late", "05")}


def test_a_payment_that_failed_or_was_withdrawn_later_is_no_purchase_then(tmp_path: Path) -> None:
    day = datetime(2024, 3, 20)
    payments = [
        bought("failed", day) | {"succeeded": False},
        bought("refund", day) | {"kind": "refund"},
        bought("withdrawn", datetime(2024, 4, 5), superseded_at=datetime(2024, 4, 20)),
        bought("withdrawn after", day, superseded_at=datetime(2024, 4, 20)),
    ]
    assert customers(tmp_path, BOTH, payments, []) == {("withdrawn after", "04")}


def test_kinds_that_are_no_activity_are_left_out(tmp_path: Path) -> None:
    events = [used("sent a parcel", datetime(2024, 3, 20), "delivery"), used("came", datetime(2024, 3, 20))]
    some = Activity(30, ("events",), ("delivery",))
    assert customers(tmp_path, some, [], events) == {("came", "04")}


def test_the_settings_say_what_counts(tmp_path: Path) -> None:
    written = {"churn": {"kind": "inactivity", "active_days": 60}}
    assert activity_of(make_settings(tmp_path, written), ["accounts", "payments"]) == Activity(60, ("payments",))
    assert activity_of(make_settings(tmp_path, {}), ["payments"]) is None
    with pytest.raises(DataError, match="needs the table payments or events, and there is no source of it: give one"):
        activity_of(make_settings(tmp_path, written), ["accounts", "subscriptions"])


def test_each_table_is_read_back_to_the_earliest_day_that_counts() -> None:
    needed = {"payments": datetime(2024, 3, 25), "tickets": MAY, "events": None}
    found = BOTH.since(needed, APRIL)
    assert found == {"payments": datetime(2024, 3, 2), "tickets": MAY, "events": None}
