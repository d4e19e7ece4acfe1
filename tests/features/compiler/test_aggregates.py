"""Measures of feature cards as SQL aggregates over rows that are already selected."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from undertow.features.catalogue.language import rows_of
from undertow.features.compiler.aggregates import count_sql, filter_sql, value_sql
from undertow.features.errors import DefinitionError

events = rows_of("events")
loads = events.where(kind="page_view")
KINDS = ["page_view", "page_view", "page_view", "error", "click"]
ROWS = pa.table({"kind": KINDS, "duration_ms": pa.array([100.0, 200.0, None, 900.0, None])})


def computed(sql: str) -> float:
    connection = duckdb.connect(config={"threads": 1})
    connection.register("rows", ROWS)
    [[value]] = connection.execute(f"SELECT {sql} FROM rows").fetchall()
    return float(value)


def test_counts_with_and_without_conditions() -> None:
    assert computed(count_sql(events.count())) == 5
    assert computed(count_sql(loads.count())) == 3
    assert computed(count_sql(loads.known("duration_ms").at_most(duration_ms=100).count())) == 1


def test_weighted_counts_are_added_and_subtracted() -> None:
    assert computed(count_sql(loads.count() - events.where(kind="error").count())) == 3 - 1
    assert computed(count_sql(0.5 * loads.count() + events.where(kind="click").count())) == 1.5 + 1


def test_the_value_of_rows_that_do_not_count_is_null() -> None:
    assert computed(f"quantile_cont({value_sql(loads.quantile('duration_ms', 0.5))}, 0.5)") == 150
    assert computed(f"count({value_sql(events.quantile('duration_ms', 0.5))})") == 3


def test_the_value_of_a_duration_is_its_hours() -> None:
    rows = pa.table({"opened_at": [datetime(2024, 3, 1, 9)], "resolved_at": [datetime(2024, 3, 2, 10, 30)]})
    hours = value_sql(rows_of("tickets").hours_between("opened_at", "resolved_at"))
    assert duckdb.from_arrow(rows).aggregate(f"avg({hours})").fetchall() == [(25.5,)]


def test_a_state_is_a_row_filter_at_a_given_time() -> None:
    march = [datetime(2024, 3, day) for day in (4, 4, 4)]
    again = [None, datetime(2024, 3, 6), datetime(2024, 4, 1)]
    rows = pa.table({"n": [1, 2, 3], "resolved_at": march, "reopened_at": pa.array(again, pa.timestamp("us"))})
    is_open = filter_sql(rows_of("tickets").open("resolved_at", "reopened_at"), "TIMESTAMP '2024-04-01'")
    assert duckdb.from_arrow(rows).filter(is_open).project("n").fetchall() == [(2,)]


def test_a_measure_that_is_no_count_is_refused() -> None:
    for measure in (loads.mean("duration_ms"), loads.count() / events.count(), (1 - loads.count())):
        with pytest.raises(DefinitionError, match="Expected a count or a sum of counts, got"):
            count_sql(measure)


def test_a_condition_that_is_asked_at_as_of_is_refused() -> None:
    with pytest.raises(DefinitionError, match="depends on as_of has no meaning over a month's rows"):
        count_sql(rows_of("tickets").still("resolved_at").count())
    with pytest.raises(DefinitionError, match="depends on as_of"):
        count_sql(rows_of("tickets").open("resolved_at", "reopened_at").count())
