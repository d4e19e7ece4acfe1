"""Only what is surely better, and whose total is right, replaces the champion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from undertow.training.bundle.stability import Stability
from undertow.training.evaluation.gate import decide, first_champion
from undertow.training.evaluation.held_out import labels_of
from undertow.training.evaluation.intervals import HeldOutLabels
from undertow.training.examples.split import Examples


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, HeldOutLabels]:
    """2,000 accounts with their true probabilities and what came of them."""
    random = np.random.default_rng(1)
    p = random.beta(1, 6, 2000)
    return p, HeldOutLabels(random.uniform(size=2000) < p, np.arange(2000))


def test_the_first_model_is_the_champion() -> None:
    assert first_champion().promoted


def test_a_surely_better_model_replaces_the_champion(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    p, on = truth
    verdict = decide(p, np.full(2000, p.mean()), on, 200)
    assert verdict.promoted
    assert "replaces the champion" in verdict.text
    assert verdict.gain is not None and verdict.gain.low > 0


def test_an_equal_model_does_not(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    p, on = truth
    verdict = decide(p, p, on, 200)
    assert not verdict.promoted
    assert "not surely better" in verdict.text


def test_a_luckier_but_equal_model_is_promoted_seldom() -> None:
    """Two models that err equally: "AUROC is higher" promotes half of them, the gate 5 % at most or so."""
    promoted = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        p = random.beta(1, 6, 500)
        on = HeldOutLabels(random.uniform(size=500) < p, np.arange(500))
        one, other = (p * np.exp(random.normal(0, 0.3, 500)) for _ in range(2))
        promoted += decide(np.minimum(one, 0.99), np.minimum(other, 0.99), on, 100).promoted
    assert promoted <= 5


def test_a_better_ranking_with_a_wrong_total_does_not(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    p, on = truth
    verdict = decide(np.minimum(1.4 * p, 0.99), np.full(2000, 0.5), on, 200)
    assert verdict.gain is not None and verdict.gain.low > 0
    assert not verdict.promoted
    assert "predicted / observed is 1.4" in verdict.text


def test_a_small_test_forgives_a_total_within_its_interval(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    p, on = truth
    few = HeldOutLabels(on.churned[:60], on.account[:60])
    off = p[:60] * 1.15 * few.churned.sum() / p[:60].sum()
    verdict = decide(off, np.full(60, 0.6), few, 200)
    assert verdict.promoted


def test_many_rows_of_few_accounts_are_not_taken_for_many(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    """One account in fifty explains the whole gain: with rows for accounts it would look sure."""
    churned = np.arange(1000) < 40
    account = np.arange(1000) // 40
    challenger, champion = np.where(churned, 0.30, 0.05), np.full(1000, 0.05)
    assert decide(challenger, champion, HeldOutLabels(churned, np.arange(1000)), 200).gain.low > 0  # type: ignore[union-attr]
    verdict = decide(challenger, champion, HeldOutLabels(churned, account), 200)
    assert verdict.gain is not None and verdict.gain.low <= 0
    assert not verdict.promoted


# --- guards ------------------------------------------------------------------------------------


def test_the_verdict_has_a_sentence_per_guard(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    p, on = truth
    verdict = decide(p, np.full(2000, p.mean()), on, 200, (Stability((), (0.9,), (), 3), Stability((), (0.8,), (), 3)))
    assert [guard.name for guard in verdict.guards] == ["calibration", "lift", "stability of reasons"]
    assert all(guard.text in verdict.text and guard.passed for guard in verdict.guards)
    assert "Its first reason stays first in 90% of retrained models, the champion's in 80%." in verdict.text


def test_a_better_log_loss_with_a_surely_worse_top_tenth_does_not_replace_the_champion(
    truth: tuple[np.ndarray, HeldOutLabels],
) -> None:
    """The champion ranks as the truth does but its total is three times too high; the challenger ranks by chance."""
    p, on = truth
    champion = np.minimum(3 * p, 0.99)
    by_chance = np.random.default_rng(2).uniform(0.99, 1.01, 2000) * on.churned.mean()
    verdict = decide(by_chance, champion, on, 200)
    assert verdict.gain is not None and verdict.gain.low > 0
    assert [guard.name for guard in verdict.guards if not guard.passed] == ["lift"]
    assert not verdict.promoted
    assert "but it fails on lift." in verdict.text and "surely lower" in verdict.text


def test_a_top_tenth_that_is_lower_within_its_interval_passes(truth: tuple[np.ndarray, HeldOutLabels]) -> None:
    p, on = truth
    few = HeldOutLabels(on.churned[:200], on.account[:200])
    verdict = decide(p[:200] * np.random.default_rng(3).uniform(0.8, 1.2, 200), p[:200], few, 200)
    lift = verdict.guards[1]
    assert "less the champion's is -" in lift.text
    assert lift.passed


@pytest.mark.parametrize(("mine", "promoted"), [(0.85, True), (0.75, False)])
def test_reasons_that_are_much_less_stable_keep_the_champion(
    truth: tuple[np.ndarray, HeldOutLabels], mine: float, promoted: bool
) -> None:
    p, on = truth
    stability = Stability((), (mine,), (), 3), Stability((), (0.9,), (), 3)
    verdict = decide(p, np.full(2000, p.mean()), on, 200, stability)
    assert verdict.promoted == promoted
    assert ("but it fails on stability of reasons." in verdict.text) != promoted


# --- several as_ofs ----------------------------------------------------------------------------


def test_moments_are_pooled_and_more_of_them_narrow_the_interval_but_not_as_rows_of_other_accounts_would() -> None:
    """Four as_ofs of 500 accounts whose errors persist: wider than 2,000 accounts, narrower than one as_of."""
    random = np.random.default_rng(5)
    level = random.beta(1, 6, 500)
    p = np.tile(level, 4)
    churned = random.uniform(size=2000) < p
    champion = np.tile(np.clip(level * np.exp(random.normal(0, 0.8, 500)), 0.001, 0.99), 4)
    pooled = decide(p, champion, HeldOutLabels(churned, np.tile(np.arange(500), 4)), 400).gain
    as_others = decide(p, champion, HeldOutLabels(churned, np.arange(2000)), 400).gain
    alone = decide(p[:500], champion[:500], HeldOutLabels(churned[:500], np.arange(500)), 400).gain
    assert pooled is not None and as_others is not None and alone is not None
    assert pooled.value == pytest.approx(as_others.value)
    assert as_others.high - as_others.low < pooled.high - pooled.low < alone.high - alone.low


def test_the_rows_of_one_account_at_several_as_ofs_carry_its_number(examples: Callable[..., Examples]) -> None:
    moments = [datetime(2024, 1, 1)] * 2 + [datetime(2024, 2, 1)] * 2
    pooled = examples([np.nan, 40.0, 20.0, 9.0], account_id=["a", "b", "b", "a"], as_of=moments)
    labels = labels_of(pooled, 30)
    assert labels.account.tolist() == [0, 1, 1, 0]
    assert labels.churned.tolist() == [False, False, True, True]
