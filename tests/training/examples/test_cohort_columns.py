"""Columns that only name a cohort or a period are found; columns that describe customers are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from tests.training.churn.made_rows import column
from undertow.training.examples.cohort_columns import cohort_columns
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.split import Examples

Make = Callable[..., Examples]
AS_OFS = [datetime(2024, month, 1) for month in (1, 2, 3, 4)]


def _text(name: str, *categories: str) -> ModelColumn:
    return ModelColumn(**(vars(column(name, "profile", False, None)) | {"categories": categories}))


def _found(examples: Make, **columns: list[str]) -> dict[str, str]:
    n = 400
    made = examples(
        [np.nan] * n, as_of=[AS_OFS[number % 4] for number in range(n)],
        tenure_days=[float(number % 100) * 10 for number in range(n)], **columns,
    )  # fmt: skip
    return cohort_columns(made.rows, tuple(_text(name, *sorted(set(values))) for name, values in columns.items()))


def test_a_text_that_names_the_time_of_the_snapshot_names_a_period(examples: Make) -> None:
    term = ["spring" if number % 4 < 2 else "summer" for number in range(400)]
    assert _found(examples, term=term) == {"term": "period"}


def test_a_text_that_names_the_time_of_signup_names_a_cohort(examples: Make) -> None:
    created = [AS_OFS[number % 4].toordinal() - (number % 100) * 10 for number in range(400)]
    wave = ["new" if day > datetime(2023, 1, 1).toordinal() else "old" for day in created]
    assert _found(examples, wave=wave) == {"wave": "cohort"}


def test_a_text_of_customers_of_all_times_names_neither(examples: Make) -> None:
    segment = ["small" if (number // 4) % 3 else "large" for number in range(400)]
    assert _found(examples, segment=segment) == {}


def test_a_few_rows_out_of_their_range_do_not_hide_a_period(examples: Make) -> None:
    term = ["spring" if number % 4 < 2 else "summer" for number in range(400)]
    term[0:12:4] = ["summer"] * 3
    assert _found(examples, term=term) == {"term": "period"}


def test_without_a_second_as_of_nothing_names_a_period(examples: Make) -> None:
    made = examples([np.nan] * 8, tenure_days=[10.0] * 8, plan=["a", "b"] * 4)
    assert cohort_columns(made.rows, (_text("plan", "a", "b"),)) == {}
