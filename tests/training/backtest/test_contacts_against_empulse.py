"""Profit of contacts, checked against empulse as an oracle."""

from __future__ import annotations

import numpy as np
import pytest
from empulse.metrics import cost_loss, max_profit_score

from undertow.training.backtest.contacts import best_profit, profit_curve

SAVE_RATE, COST, N = 0.3, 8.0, 60
RNG = np.random.default_rng(3)
LEFT = RNG.random(N) < 0.3
VALUE = RNG.lognormal(5, 1, N)


@pytest.mark.parametrize("contacted", [1, 6, 30, 60])
def test_profit_within_a_contact_budget_equals_the_cost_of_empulse_with_each_accounts_value(contacted: int) -> None:
    order = RNG.random(N)
    _, profit = profit_curve(order, LEFT, VALUE, SAVE_RATE, COST)
    first = np.argsort(np.argsort(-order)) < contacted
    tp_cost = COST - SAVE_RATE * VALUE
    oracle = cost_loss(LEFT.astype(int), first.astype(int), tp_cost=tp_cost, fp_cost=COST, normalize=True)
    assert profit[contacted - 1] == pytest.approx(-oracle)


def test_the_best_profit_equals_that_of_empulse_where_values_are_alike_and_the_order_is_concave() -> None:
    order = LEFT + np.linspace(0, 0.5, N)  # leavers first: the convex hull that empulse takes is the curve
    _, profit = profit_curve(order, LEFT, np.full(N, 200.0), SAVE_RATE, COST)
    oracle = max_profit_score(LEFT.astype(int), order, tp_cost=COST - SAVE_RATE * 200.0, fp_cost=COST)
    assert best_profit([profit])[0] == pytest.approx(oracle)
