"""80 % intervals of realised values: what they cover, that they hold the forecast, and that thin data have none."""

from __future__ import annotations

import numpy as np
import pytest

from undertow.training.value.intervals import LEAST_ACCOUNTS, ValueIntervals, fit_intervals


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Forecast shares, and what is realised: nothing for those that leave at once, else all with some noise."""
    rng = np.random.default_rng(seed)
    forecast = rng.uniform(0.2, 0.98, n)
    realised = np.where(rng.random(n) < forecast, rng.normal(1.0, 0.05, n), rng.uniform(0, 0.3, n))
    return forecast, realised


def sizes(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(7.0, 1.5, n)


@pytest.mark.parametrize("seed", range(4))
def test_four_of_five_realised_values_lie_inside_in_every_band_of_the_forecast(seed: int) -> None:
    learned = fit_intervals(*drawn(6000, seed), sizes(6000, seed), np.arange(6000))
    forecast, realised = drawn(20_000, seed + 100)
    low, high = learned.around(forecast, sizes(20_000, seed + 100))
    inside = (low <= realised) & (realised <= high)
    assert inside.mean() == pytest.approx(0.8, abs=0.02)
    for rows in np.array_split(np.argsort(forecast), 10):
        assert 0.74 < inside[rows].mean() < 0.9


def test_accounts_of_every_size_are_covered_where_small_ones_vary_more() -> None:
    def of(n: int, seed: int) -> tuple[np.ndarray, ...]:
        rng, size = np.random.default_rng(seed), sizes(n, seed)
        forecast = rng.uniform(0.2, 0.98, n)
        return forecast, forecast + rng.normal(0.0, 0.1 + 0.1 * (size < 600), n), size

    forecast, realised, size = of(20_000, 1)
    smallest = np.argsort(size)[:2_000]
    learned = fit_intervals(*of(3_000, 0), np.arange(3_000))
    low, high = learned.around(forecast, size)
    inside = (low <= realised) & (realised <= high)
    for rows in np.array_split(np.argsort(size), 10):
        assert 0.73 < inside[rows].mean() < 0.88
    low, high = learned.around(forecast, np.full(20_000, np.median(size)))  # as if all were of one size
    assert ((low <= realised) & (realised <= high))[smallest].mean() < 0.65


def test_the_interval_holds_the_forecast() -> None:
    learned = fit_intervals(*drawn(6000, 0), sizes(6000, 0), np.arange(6000))
    share = np.linspace(0.0, 1.1, 200)
    low, high = learned.around(share, sizes(200, 1))
    assert (low <= share).all() and (share <= high).all() and (low < high).all()


def test_an_account_seen_often_counts_once() -> None:
    """One account of a hundred, seen a thousand times, does not decide the interval."""
    forecast, realised = drawn(LEAST_ACCOUNTS * 2, 1)
    plain = fit_intervals(forecast, realised, np.ones(len(forecast)), np.arange(len(forecast)))
    often = np.concatenate([np.arange(len(forecast)), np.full(1000, 7)])
    again = fit_intervals(forecast[often], realised[often], np.ones(len(often)), often)
    assert np.abs(np.array(again.realised) - np.array(plain.realised)).max() < 0.35
    assert again.accounts == plain.accounts


def test_too_few_accounts_give_no_interval() -> None:
    learned = fit_intervals(*drawn(LEAST_ACCOUNTS - 1, 0), np.ones(LEAST_ACCOUNTS - 1), np.arange(LEAST_ACCOUNTS - 1))
    assert np.isnan(learned.around(np.array([0.5]), np.ones(1))[0]).all()
    assert ValueIntervals.from_json(learned.as_json()) == learned


def test_it_is_read_back() -> None:
    learned = fit_intervals(*drawn(500, 0), sizes(500, 0), np.arange(500))
    assert ValueIntervals.from_json(learned.as_json()) == learned


def test_accounts_that_count_less_give_wider_intervals() -> None:
    forecast, realised = drawn(400, 1)
    full, thin = (fit_intervals(forecast, realised, np.ones(400), np.arange(400), counted) for counted in (1.0, 0.3))
    (low, high), (lower, higher) = full.around(forecast, np.ones(400)), thin.around(forecast, np.ones(400))
    assert (higher - lower).mean() > (high - low).mean() + 0.005
