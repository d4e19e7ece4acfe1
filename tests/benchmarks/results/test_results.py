"""What the tables of results are made of."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.results.purchases import cut, gini, line
from undertow.training.value.purchases.history import read_purchases


def test_the_gini_is_one_for_the_true_order_and_minus_one_for_its_reverse() -> None:
    spent = np.arange(100.0)
    assert gini(spent, spent**2) == pytest.approx(1.0)
    assert gini(spent, -spent) == pytest.approx(-1.0)


def test_a_line_names_the_model_and_its_bias() -> None:
    assert line("level", np.arange(1.0, 5.0), 1.5 * np.arange(1.0, 5.0)).split()[::4] == ["level", "+50.0%"]


def test_a_record_cut_off_holds_nothing_later() -> None:
    days = np.array(["2024-01-01", "2024-02-01"], "datetime64[D]")
    record = cut(read_purchases(np.array([1, 2]), days, np.ones(2)), days[1])
    assert record.day.tolist() == [days[0].item()] and record.until == days[1]
