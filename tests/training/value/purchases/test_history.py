"""Purchase histories: days, refunds as they were known, the contract of the input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.features.errors import DataError
from undertow.training.value.purchases.history import read_purchases, summarise

DAYS = np.array(["2024-01-01", "2024-01-01", "2024-01-09", "2024-01-20"], "datetime64[D]")


def test_receipts_of_one_day_are_one_purchase() -> None:
    known = read_purchases(np.array([1, 1, 1, 2]), DAYS, np.array([5.0, 7.0, 20.0, 1.0])).before(DAYS[-1] + 1)
    assert known.counts.tolist() == [2, 1]
    assert known.spend.tolist() == [12.0, 20.0, 1.0]
    assert summarise(known).frequency.tolist() == [1.0, 0.0]


def test_a_refund_does_not_change_what_was_known_before_it() -> None:
    record = read_purchases(np.array([1, 1, 1, 1]), DAYS, np.array([5.0, 7.0, 20.0, -25.0]))
    assert record.before(DAYS[-1]).spend.tolist() == [12.0, 20.0]
    assert record.before(DAYS[-1] + 1).spend.tolist() == [7.0]


def test_a_purchase_on_as_of_is_not_yet_known() -> None:
    record = read_purchases(np.array([1, 1, 1, 2]), DAYS, np.ones(4))
    assert record.before(DAYS[2]).counts.tolist() == [1]
    assert record.spent(np.array([1, 2, 3]), DAYS[2], DAYS[3]).tolist() == [1.0, 0.0, 0.0]
    assert record.bought(np.array([1, 2]), DAYS[0], DAYS[3] + 1).tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("customer", "day", "amount", "message"),
    [
        (np.array([1]), DAYS, np.ones(4), "one value of each per row"),
        (np.zeros(0), DAYS[:0], np.zeros(0), "no row"),
        (np.arange(4), np.arange(4), np.ones(4), "expected datetime64"),
        (np.arange(4), np.array(["NaT"] * 4, "datetime64[D]"), np.ones(4), "no day"),
        (np.arange(4), DAYS, np.array([1.0, np.nan, 1.0, 1.0]), "1 amounts are missing"),
        (np.array([1.0, np.nan, 1.0, 1.0]), DAYS, np.ones(4), "missing values"),
    ],
)
def test_rows_that_break_the_contract_are_refused(
    customer: np.ndarray, day: np.ndarray, amount: np.ndarray, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_purchases(customer, day, amount)


def test_a_row_after_the_end_and_an_as_of_before_the_first_are_refused() -> None:
    with pytest.raises(DataError, match="Give a later `until`"):
        read_purchases(np.arange(4), DAYS, np.ones(4), DAYS[-1])
    with pytest.raises(DataError, match="Choose a later as_of"):
        read_purchases(np.arange(4), DAYS, np.ones(4)).before(DAYS[0])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(-40, 60)), min_size=1, max_size=40))
def test_refunds_never_make_spend_negative_and_order_of_rows_does_not_matter(rows: list[tuple[int, int, int]]) -> None:
    rows = [*rows, (9, 0, 10)]
    customer, day, amount = (np.array(column) for column in zip(*rows, strict=True))
    days = DAYS[0] + day
    known = read_purchases(customer, days, amount).before(DAYS[0] + 31)
    back = read_purchases(customer[::-1], days[::-1], amount[::-1]).before(DAYS[0] + 31)
    assert (known.spend > 0).all() and known.spend.tolist() == back.spend.tolist()
    of = summarise(known)
    assert (of.recency <= of.age).all() and (of.frequency >= 0).all()
