"""The language of feature definitions: rows, conditions and arithmetic make the expressions they spell."""

from __future__ import annotations

from undertow.features.catalogue.language import Combination, Ratio, columns_read, measures, rows_of
from undertow.features.catalogue.ux import events


def test_a_ratio_is_made_of_both_its_measures() -> None:
    ratio = events.where(kind="error").count() / events.count()
    assert [measure.statistic for measure in measures(ratio)] == ["count", "count"]


def test_arithmetic_makes_a_weighted_combination() -> None:
    started, done = events.where(kind="task_started").count(), events.where(kind="task_completed").count()
    assert (started - done).terms == ((1.0, started), (-1.0, done))
    assert (1 - done / started) == Combination(((-1.0, Ratio(done, started)),), constant=1.0)
    assert (100 * done).at_least(0).lowest == 0


def test_conditions_add_up_and_leave_the_rows_they_narrow_as_they_were() -> None:
    errors = events.where(kind="error")
    slow_errors = errors.above(duration_ms=3000)
    assert [(one.column, one.operator, one.value) for one in slow_errors.conditions] == [
        ("kind", "is", "error"),
        ("duration_ms", "above", 3000),
    ]
    assert len(errors.conditions) == 1 and events.conditions == ()


def test_a_measure_reads_the_columns_of_its_conditions_its_time_and_its_statistic() -> None:
    assert columns_read(events.where(kind="error").mean("value")) == {"kind", "occurred_at", "value"}
    assert columns_read(rows_of("surveys").top(2).count()) == {"score", "scale_max", "asked_at"}
    still_open = rows_of("tickets").open("resolved_at", "reopened_at")
    assert columns_read(still_open.count()) == {"resolved_at", "reopened_at", "opened_at"}
