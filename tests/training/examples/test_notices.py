"""Who has given notice, from feature rows, and how many of them left as announced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from undertow.training.examples.announced import ANNOUNCED, announced
from undertow.training.examples.notices import Notices, count_notices, split_notices
from undertow.training.examples.split import Examples

Make = Callable[..., Examples]
NAN = float("nan")


def rows(**more: object) -> pa.Table:
    """One account with an MRR of 100, all of which ends in 9 days, unless told otherwise."""
    values: dict[str, Any] = {
        "mrr": 100.0, "mrr_ending": 100.0, "days_to_announced_end": 9.0, "days_to_last_announced_end": 9.0, **more
    }  # fmt: skip
    return pa.table({name: pa.array([value], pa.float64()) for name, value in values.items()})


@pytest.mark.parametrize(
    ("more", "gave_notice"),
    [
        ({}, True),
        ({"mrr_ending": 99.5}, True),  # the rest is rounding
        ({"mrr_ending": 99.4}, False),
        ({"mrr_ending": 40.0, "mrr_pausing": 60.0}, True),
        ({"mrr_ending": 0.0, "mrr_pausing": 100.0}, False),  # a pause is no notice
        ({"mrr_starting": 30.0}, False),  # a change of plan
        ({"mrr_ending": None, "days_to_last_announced_end": None}, False),
        ({"days_to_last_announced_end": None}, False),
    ],
)
def test_notice_is_given_where_all_mrr_is_announced_to_end(more: dict[str, float | None], gave_notice: bool) -> None:
    assert announced(rows(**more)).is_notice.tolist() == [gave_notice]


def test_rows_without_columns_of_announced_changes_hold_none() -> None:
    known = announced(pa.table({"mrr": [100.0, None]}))
    assert (known.mrr.tolist(), known.ending.tolist(), known.is_notice.tolist()) == ([100, 0], [0, 0], [False] * 2)
    assert set(ANNOUNCED) - {"mrr_ending"} and np.isnan(known.last_end).all()


@pytest.fixture
def four(examples: Make) -> Examples:
    """Two accounts gave notice for day 9, one of them leaves; another two did not."""
    ends = [100.0, 100.0, 0.0, 0.0]
    days = [9.0, 9.0, None, None]
    return examples([9.0, NAN, 20.0, NAN], mrr_ending=ends, days_to_last_announced_end=days)


def test_examples_are_split_by_whether_notice_was_given(four: Examples) -> None:
    without, given = split_notices(four)
    assert without.rows["account_id"].to_pylist() == ["a00002", "a00003"]
    assert np.nanmax(without.outcomes.churn_days) == 20
    assert (len(given), count_notices(given)) == (2, Notices(given=2, matured=2, left=1))


@pytest.mark.parametrize(
    ("followed", "churn_day", "matured", "left"),
    [
        (400, 9, 1, 1),
        (400, 3, 1, 1),  # before the day it named
        (400, 38.9, 1, 1),
        (400, 39, 1, 0),  # 30 days after it
        (39, 9, 1, 1),
        (38.9, 9, 0, 0),  # not followed for 30 days after it
        (400, NAN, 1, 0),
    ],
)
def test_a_notice_is_followed_if_the_account_leaves_within_30_days_of_it(
    examples: Make, followed: float, churn_day: float, matured: int, left: int
) -> None:
    given = examples([churn_day], followed, mrr_ending=[100.0], days_to_last_announced_end=[9.0])
    assert count_notices(given) == Notices(1, matured, left)


def test_a_notice_seen_from_two_as_ofs_counts_once(examples: Make) -> None:
    seen = {"account_id": ["a", "a", "a", "b"], "as_of": [datetime(2024, 3, day) for day in (1, 11, 11, 11)]}
    given = examples([40.0, 30.0, 30.0, 30.0], mrr_ending=[100.0] * 4, days_to_last_announced_end=[40.0, 30, 31, 30],
                     **seen)  # fmt: skip
    assert count_notices(given) == Notices(3, 3, 3)  # 10 and 11 April of a, and 10 April of b


@pytest.mark.parametrize(("matured", "left", "probability"), [(20, 17, 0.85), (19, 3, 1.0), (0, 0, 1.0), (40, 0, 0.0)])
def test_a_thin_record_of_notices_is_believed_to_hold(matured: int, left: int, probability: float) -> None:
    assert Notices(matured + 5, matured, left).probability == probability
