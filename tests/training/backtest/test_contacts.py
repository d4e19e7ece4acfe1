"""What the first of a list held, and the profit of contacting them, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.training.backtest.contacts import SHARES, best_profit, found_by, profit_curve

N = 100
MRR = np.arange(N, 0, -1.0)
LEFT = np.zeros(N, dtype=bool)
LEFT[[0, 1, 50]] = True  # MRR 100, 99 and 50


def test_the_share_of_lost_mrr_is_that_of_the_first_accounts() -> None:
    found = found_by({"MRR": MRR, "reverse": -MRR}, LEFT, MRR, np.arange(N), 50)
    by = {(each.order, each.share): each for each in found}
    assert by["MRR", 0.02].lost.value == pytest.approx(199 / 249)
    assert by["MRR", 0.02].left == pytest.approx(2 / 3)
    assert by["reverse", 0.20].lost.value == 0
    assert len(found) == 2 * len(SHARES)


def test_an_interval_holds_the_value_and_grows_with_few_leavers() -> None:
    [two, *_] = found_by({"MRR": MRR}, LEFT, MRR, np.arange(N), 200)
    assert two.lost.low <= two.lost.value <= two.lost.high
    assert two.lost.high - two.lost.low > 0.2


def test_profit_pays_each_contact_and_earns_by_those_that_would_leave() -> None:
    share, profit = profit_curve(MRR, LEFT, 12 * MRR, save_rate=0.5, cost=30.0)
    assert share[[0, -1]].tolist() == [0.01, 1.0]
    assert profit[0] == pytest.approx((0.5 * 1200 - 30) / N)
    assert profit[1] - profit[0] == pytest.approx((0.5 * 12 * 99 - 30) / N)
    assert profit[2] - profit[1] == pytest.approx(-30 / N)


def test_the_best_profit_is_never_below_that_of_contacting_nobody() -> None:
    _, profit = profit_curve(-MRR, LEFT, MRR, save_rate=0.1, cost=100.0)
    assert (profit < 0).all() and best_profit([profit]) == [0.0]
