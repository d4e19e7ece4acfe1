"""Snapshots of several moments pooled: accounts are recognised by their id, models by their name."""

from __future__ import annotations

import numpy as np

from undertow.training.backtest.judged import Judged, pool, results_by_segment, results_of
from undertow.training.evaluation.held_out import MODEL


def judged(n: int, names: tuple[str, ...] = (MODEL, "base rate"), seed: int = 0) -> Judged:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.02, 0.6, n)
    return Judged(
        probability=dict.fromkeys(names, p), churned=rng.random(n) < p,
        account=np.array([f"A{number}" for number in range(n)], dtype=object),
        segment=np.array(["big" if number < n // 2 else "" for number in range(n)], dtype=object),
        mrr=rng.lognormal(4, 1, n), value_at_risk=p * 100, clv_if_kept=np.full(n, 1000.0),
    )  # fmt: skip


def test_an_account_seen_at_two_moments_is_one_account() -> None:
    both = pool([judged(50), judged(50, seed=1)])
    assert len(both.churned) == 100 and both.labels.account.max() == 49
    assert (both.labels.account[:50] == both.labels.account[50:]).all()


def test_only_models_that_every_moment_has_are_pooled() -> None:
    both = pool([judged(50), judged(50, names=(MODEL, "recency rule"), seed=1)])
    assert list(both.probability) == [MODEL]


def test_intervals_of_the_pool_are_narrower_than_those_of_a_moment() -> None:
    parts = [judged(400, seed=number) for number in range(4)]
    for number, part in enumerate(parts):
        part.account[:] = [f"{number}-{name}" for name in part.account]
    [one, _], [four, _] = results_of(parts[0], 90, 200), results_of(pool(parts), 90, 200)
    width = {name: each.metrics["auroc"].high - each.metrics["auroc"].low for name, each in (("1", one), ("4", four))}
    assert width["4"] < 0.7 * width["1"]


def test_segments_are_judged_where_they_have_enough_churners() -> None:
    assert list(results_by_segment(judged(400), 90, 20)) == ["big"]
    assert results_by_segment(judged(40), 90, 20) == {}


def test_orders_weigh_baselines_with_money_and_leave_the_base_rate_out() -> None:
    orders = judged(10, names=(MODEL, "base rate", "health score")).orders
    assert list(orders) == ["value at risk", "P(churn) x MRR", "P(churn)", "MRR", "health score x MRR"]
