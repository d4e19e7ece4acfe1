"""Announced changes of MRR in words."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest

from undertow.serving.jobs.announcements import Notice, announced_texts, notice_of

AS_OF = datetime(2025, 4, 1)
ENDS_ALL = {"mrr_ending": 100.0, "days_to_announced_end": 19.0, "days_to_last_announced_end": 19.0}
DOWN = {**ENDS_ALL, "days_to_announced_end": 30.0, "days_to_last_announced_end": 30.0, "days_to_announced_start": 30.0}
PAUSE = {"mrr_pausing": 100.0, "days_to_announced_pause": 30.0}


def said(probability: float = 1.0, **values: float | None) -> str | None:
    row: dict[str, Any] = {"mrr": 100.0, **values}
    table = pa.table({"as_of": [AS_OF], **{name: pa.array([value], pa.float64()) for name, value in row.items()}})
    [text] = announced_texts(table, probability)
    return text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        (ENDS_ALL, "gave notice for 2025-04-20"),
        ({**ENDS_ALL, "days_to_announced_end": 3.0}, "gave notice for 2025-04-20"),
        ({**DOWN, "mrr_starting": 50.0}, "down to 50 from 2025-05-01"),
        ({**DOWN, "mrr_starting": 50.0, "days_to_announced_start": 60.0}, "down to 50 from 2025-05-31"),
        ({**DOWN, "mrr_starting": 1049.5}, "up to 1,049.50 from 2025-05-01"),
        ({**DOWN, "mrr_starting": 100.0}, None),  # another plan at the same price
        ({**ENDS_ALL, "mrr_ending": 40.0}, "down to 60 from 2025-04-20"),
        ({"mrr_starting": 20.0, "days_to_announced_start": 19.0}, "up to 120 from 2025-04-20"),
        (PAUSE, "pauses from 2025-05-01"),
        ({**PAUSE, "mrr_starting": 100.0, "days_to_announced_start": 61.0}, "pauses from 2025-05-01 to 2025-06-01"),
        ({**PAUSE, "mrr_starting": 10.0, "days_to_announced_start": 3.0}, "pauses from 2025-05-01"),
        ({**PAUSE, "mrr_pausing": 30.0}, "down to 70 from 2025-05-01"),
    ],
)
def test_what_is_announced_is_said_in_a_few_words(values: dict[str, float], expected: str | None) -> None:
    assert said(**values) == expected


def test_an_end_that_few_leave_at_is_the_end_of_a_term() -> None:
    assert said(0.49, **ENDS_ALL) == "term ends on 2025-04-20"
    assert notice_of({"mrr": 100.0, "as_of": AS_OF, **ENDS_ALL}, 0.49) is None


def test_a_notice_names_the_day_on_which_the_last_mrr_ends() -> None:
    values = {"mrr": 100.0, "as_of": AS_OF, **ENDS_ALL}
    assert notice_of(values, 1.0) == Notice(date(2025, 4, 20), date(2025, 4, 20))
    assert Notice(date(2025, 4, 20), date(2025, 4, 20)).text == "gave notice: all of its MRR ends on 2025-04-20"
    assert Notice(date(2025, 4, 2), date(2025, 4, 20)).text == "gave notice: all of its MRR ends by 2025-04-20"
    assert notice_of({**values, "mrr_ending": 50.0}, 1.0) is None
    assert notice_of({"mrr": 100.0, "as_of": AS_OF}, 1.0) is None
