"""Misses and false alarms of eight accounts, and the rule that carries a score to a probability."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.settings import HealthScores
from undertow.training.examples.split import Examples
from undertow.training.health_score.bounds import bounds_of
from undertow.training.health_score.in_common import standardised
from undertow.training.health_score.judge import judge_health
from undertow.training.health_score.rule import SLIGHT, fit_rule, reference_of
from undertow.training.health_score.snapshots import HealthSnapshots

SCORES = ["green", "green", "green", "red", "red", "yellow", "", "red"]
LEFT = np.array([True, True, False, False, True, True, True, False])
MRR = np.array([10.0, 90.0, 50.0, 20.0, 30.0, 5.0, 7.0, 60.0])


def test_misses_are_healthy_and_gone_and_false_alarms_in_alarm_and_stayed() -> None:
    order = HealthScores(order=("red", "yellow", "green"))
    health = np.array([order.words.index(score) if score else np.nan for score in SCORES])
    bounds, n = bounds_of(order, health, are_words=True), len(SCORES)
    judged = HealthSnapshots(
        account=np.array([f"a{number}" for number in range(n)], dtype=object),
        as_of=np.full(n, "2024-06-01", dtype=object),
        score=np.array(SCORES, dtype=object),
        health=health, is_stale=np.isnan(health), is_healthy=bounds.is_healthy(health),
        is_alarm=bounds.is_alarm(health), churned=LEFT, mrr=MRR, probability=np.linspace(0.1, 0.8, n),
        rule=np.full(n, 0.5), first_reason=np.full(n, "cx", dtype=object), rows=pa.table({"mrr": MRR}),
    )  # fmt: skip
    found = judge_health(judged, bounds, None, (), 90, 90, resamples=50)
    assert (found.unknown, found.stale, found.healthy, found.alarm) == (1, 1, "green", "red")
    assert [each.account_id for each in found.misses.listed] == ["a1", "a0"]
    assert (found.misses.share.value, found.misses.of) == (2 / 4, 4)  # of those that left, one had no score
    assert found.misses.rate.value == pytest.approx(2 / 3)
    assert found.misses.mrr_share == pytest.approx(100 / 135)
    assert [each.account_id for each in found.false_alarms.listed] == ["a7", "a3"]
    assert found.false_alarms.share.value == pytest.approx(2 / 3)
    assert [result.rows for result in found.on_scored] == [7, 7]
    assert "not enough accounts, 2 healthy ones left" in found.in_common.said


@pytest.mark.parametrize("is_inverted", [False, True])
def test_the_rule_keeps_the_order_of_the_score_even_where_it_is_the_wrong_way_round(
    examples: Callable[..., Examples], is_inverted: bool
) -> None:
    health = np.arange(200.0)
    left = np.random.default_rng(0).random(200) < np.where(is_inverted, health, 199 - health) / 300
    learn = examples(np.where(left, 10.0, np.nan), health=health)
    rule = fit_rule(learn, reference_of(learn, learn), 90)
    p = rule.probability(learn.rows, 90)
    assert (np.diff(p) < 0).all()
    assert (rule.slope == SLIGHT) == is_inverted and ("wrong way round" in rule.why) == is_inverted
    assert p.mean() == pytest.approx(left.mean(), abs=0.01)


def test_a_difference_is_in_standard_deviations() -> None:
    assert standardised(np.array([2.0, 4.0]), np.array([0.0, 2.0])).value == pytest.approx(np.sqrt(2))
