"""Which accounts are at risk at an as_of, and which as_ofs a calendar holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from tests.tables_by_hand import as_arrow
from undertow.features.engines.duckdb import InDuckDB
from undertow.features.errors import TimeError
from undertow.features.settings import Settings
from undertow.features.snapshots.calendar import calendar, month_starts
from undertow.features.snapshots.population import own_profile, take_population
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2024, 6, 15, 12)
MARCH, APRIL, MAY = datetime(2024, 3, 1), datetime(2024, 4, 1), datetime(2024, 5, 1)
World = dict[str, list[Mapping[str, object]]]
Project = Callable[..., Settings]
Tiny = tuple[Settings, Tables]
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changed", "at_risk"),
    [
        ({}, True),
        ({"started_at": APRIL}, False),
        ({"recorded_at": APRIL}, False),
        ({"mrr": 0.0}, False),
        ({"ended_at": APRIL - DAY, "end_recorded_at": APRIL - DAY}, False),
        ({"ended_at": APRIL - DAY, "end_recorded_at": APRIL}, True),  # booked late
        ({"ended_at": APRIL - DAY, "end_recorded_at": None}, True),
        ({"ended_at": APRIL, "end_recorded_at": MARCH}, True),  # runs until as_of itself
        ({"ended_at": MAY, "end_recorded_at": MARCH}, True),  # announced, or churned later
    ],
)
def test_at_risk_is_who_pays_at_as_of_as_known_then(changed: dict[str, object], at_risk: bool) -> None:
    row = {"account_id": "ada", "started_at": MARCH, "recorded_at": MARCH, "mrr": 50.0}
    schema = as_arrow("subscriptions", []).schema  # no defaults: one end here has no time when it was recorded
    with duckdb.connect() as connection:
        connection.register("subscriptions", pa.Table.from_pylist([{**row, **changed}], schema=schema))
        take_population(InDuckDB(connection), [APRIL])
        found = connection.execute("FROM snapshots").fetchall()
    assert found == [("ada", APRIL)] * at_risk


def test_the_calendar_is_every_month_start_with_90_recorded_days_before_it(project: Project, tiny_world: World) -> None:
    settings = project(tiny_world, "[data]\nsince = 2024-01-02")
    assert calendar(settings.snapshots, load_tables(settings, NOW)) == [datetime(2024, month, 1) for month in (4, 5, 6)]


def test_a_record_too_short_for_a_calendar_is_refused(tiny: Tiny) -> None:
    expected = r"The rows run from 2024-03-10 to 2024-06-15: too short .* set \[data\] since"
    with pytest.raises(TimeError, match=expected):
        calendar(tiny[0].snapshots, tiny[1])


def test_given_dates_are_the_calendar_test_dates_included(project: Project, tiny_world: World) -> None:
    settings = project(tiny_world, "[snapshots]\ndates = [2024-03-15, 2024-02-15]\ntest = [2024-05-15]")
    assert calendar(settings.snapshots, load_tables(settings, NOW)) == [
        datetime(2024, month, 15) for month in (2, 3, 5)
    ]


def test_own_profile_columns_are_those_the_contract_does_not_know(tiny: Tiny) -> None:
    assert own_profile(tiny[1]) == [("industry", False)]


def test_month_starts_include_both_ends_and_cross_the_year() -> None:
    found = month_starts(datetime(2023, 11, 1), datetime(2024, 2, 1))
    assert [moment.date() for moment in found] == [
        date(2023, 11, 1), date(2023, 12, 1), date(2024, 1, 1), date(2024, 2, 1),
    ]  # fmt: skip
    assert month_starts(datetime(2023, 11, 1, 0, 1), datetime(2023, 11, 30)) == []
