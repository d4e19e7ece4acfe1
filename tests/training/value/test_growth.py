"""Growth of MRR: observed from those that stayed, learned as far as other accounts confirm it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from undertow.training.value.growth import FEW, Growth, fit_growth, observed_growth

MIDDLES = (np.arange(12) + 0.5) / 12


def grown(rate: float, n: int = 1) -> np.ndarray:
    return np.repeat(100.0 * (1 + rate * MIDDLES)[None], n, axis=0)


def test_the_rate_is_the_slope_of_what_was_paid_over_what_was_planned() -> None:
    planned, stayed = np.full((1, 12), 100.0), np.ones((1, 12), dtype=bool)
    assert observed_growth(grown(0.3), stayed, planned).rate[0] == pytest.approx(0.3)


def test_only_months_as_a_customer_count_and_three_are_needed() -> None:
    paid, planned = grown(0.3, 2), np.full((2, 12), 100.0)
    stayed = np.zeros((2, 12), dtype=bool)
    stayed[0, :4], stayed[1, :2] = True, True
    paid[:, 5:] = 0.0  # they left
    seen = observed_growth(paid, stayed, planned)
    assert seen.rate[0] == pytest.approx(0.3)
    assert seen.weight[1] == 0 < seen.weight[0]


def learned(effect: float, accounts: int, seed: int = 0) -> tuple[Growth, np.ndarray]:
    """Growth of `effect` more per year where the first feature is 1."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 2, (accounts, 3)).astype(float)
    rate = 0.1 + effect * features[:, 0] + rng.normal(0, 0.1, accounts)
    paid = 100.0 * (1 + rate[:, None] * MIDDLES)
    seen = observed_growth(paid, np.ones((accounts, 12), dtype=bool), np.full((accounts, 12), 100.0))
    return fit_growth(features, (0, 1, 2), np.full(accounts, 100.0), np.arange(accounts), seen, 1), features


def test_growth_that_depends_on_a_feature_is_learned() -> None:
    growth, _ = learned(0.4, 3000)
    low, high = growth.rates(np.array([[0.0, 0, 0], [1.0, 0, 0]]))
    assert (low, high) == (pytest.approx(0.1, abs=0.04), pytest.approx(0.5, abs=0.06))


def test_noise_is_not_learned() -> None:
    growth, _ = learned(0.0, 3000)
    assert growth.trees is None
    assert growth.mean == pytest.approx(0.1, abs=0.02)


def test_the_mean_is_shrunk_where_accounts_are_few_and_0_below() -> None:
    assert learned(0.0, 2 * FEW)[0].mean == pytest.approx(0.05, abs=0.02)  # half of 0.1
    few, features = learned(0.0, FEW - 1)
    assert few.accounts == FEW - 1 and (few.factors(features, 24) == 1.0).all()


def test_mrr_stays_after_twelve_months_and_is_never_negative() -> None:
    factors = Growth(mean=-1.0).factors(np.zeros((1, 1)), 36)
    assert (np.diff(factors[0, 11:]) == 0).all() and (factors >= 0).all()


def test_it_is_kept_as_files(tmp_path: Path) -> None:
    growth, features = learned(0.4, 3000)
    again = Growth.load(tmp_path, growth.save(tmp_path))
    assert again.rates(features) == pytest.approx(growth.rates(features))
    assert Growth.load(tmp_path, Growth().save(tmp_path)) == Growth()
