"""The measures behind `make yardsticks`, compared with values computed by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tests.benchmarks.yardsticks.measures import (
    by_tenths,
    efficiency,
    expected_auroc,
    held_by_first_tenth,
    is_covered,
    root_mean_square,
    standard_error,
)


def _over_all_pairs(score: np.ndarray, p: np.ndarray) -> float:
    """Return the expected AUROC by its definition, pair by pair."""
    pairs = [(p[i] * (1 - p[j]), score[i] - score[j]) for i, j in permutations(range(len(p)), 2)]
    won = sum(weight * (1.0 if ahead > 0 else 0.5 if ahead == 0 else 0.0) for weight, ahead in pairs)
    return float(won / sum(weight for weight, _ in pairs))


def test_expected_auroc_of_two_accounts_is_counted_by_hand() -> None:
    p = np.array([0.8, 0.1])
    # Only the first leaves: 0.8 x 0.9, ranked right; only the second: 0.1 x 0.2, ranked wrong.
    assert expected_auroc(p, p) == pytest.approx(0.72 / 0.74)
    assert expected_auroc(-p, p) == pytest.approx(0.02 / 0.74)


@pytest.mark.parametrize("seed", range(5))
def test_expected_auroc_is_its_definition_with_ties_and_without(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, 40)
    for score in (p, rng.normal(size=40), rng.integers(0, 4, 40).astype(float), np.zeros(40)):
        assert expected_auroc(score, p) == pytest.approx(_over_all_pairs(score, p))


def test_expected_auroc_is_the_mean_over_drawn_outcomes() -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(1, 4, 400)
    score = p + rng.normal(0, 0.1, 400)
    drawn = [_auroc(score, rng.random(400) < p) for _ in range(400)]
    assert expected_auroc(score, p) == pytest.approx(np.mean(drawn), abs=0.005)


def _auroc(score: np.ndarray, churned: np.ndarray) -> float:
    rank = np.argsort(np.argsort(score)) + 1
    n = churned.sum()
    return float((rank[churned].sum() - n * (n + 1) / 2) / (n * (~churned).sum()))


def test_no_ranking_beats_the_truth_itself() -> None:
    rng = np.random.default_rng(2)
    p = rng.beta(1, 6, 200)
    best = expected_auroc(p, p)
    assert all(expected_auroc(p + rng.normal(0, spread, 200), p) < best for spread in (0.01, 0.1, 1.0))
    assert expected_auroc(np.sqrt(p), p) == best


def test_half_of_the_way_from_chance_to_the_ceiling_is_an_efficiency_of_one_half() -> None:
    assert efficiency(0.65, 0.8) == pytest.approx(0.5)
    assert efficiency(0.5, 0.8) == 0.0


def test_fewer_accounts_make_a_larger_standard_error() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(1, 6, 4000)
    score = p + rng.normal(0, 0.1, 4000)
    small, large = standard_error(score[:400], p[:400]), standard_error(score, p)
    assert 2.0 < small / large < 5.0  # about the root of ten


def test_errors_and_tenths_are_counted_by_hand() -> None:
    assert root_mean_square(np.array([1.0, 3.0]), np.array([1.0, 0.0])) == pytest.approx(np.sqrt(4.5))
    predicted = np.arange(20.0)[::-1].copy()
    tenths = by_tenths(predicted, 2 * predicted)
    assert tenths[0] == (0.5, 1.0) and tenths[-1] == (18.5, 37.0)


def test_an_interval_from_the_tenth_to_the_ninetieth_percentile_covers_four_fifths() -> None:
    drawn = np.tile(np.arange(100.0), (3, 1))
    low, high = np.quantile(drawn, (0.1, 0.9), axis=1)
    assert is_covered(low, high, drawn).mean() == pytest.approx(0.8, abs=0.01)
    assert (is_covered(low, low - 1, drawn) == 0.0).all()


def test_the_first_tenth_holds_what_the_order_puts_there() -> None:
    lost = np.array([5.0, *[1.0] * 19])
    assert held_by_first_tenth(lost, lost) == pytest.approx(6 / 24)
    assert held_by_first_tenth(-lost, lost) == pytest.approx(2 / 24)
