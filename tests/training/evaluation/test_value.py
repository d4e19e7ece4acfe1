"""Value forecasts judged: a perfect one, one that is too high, rules beside them, and coverage measured on others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from undertow.training.evaluation.value import FEW_ACCOUNTS, ValueForecast, judge_value


def forecasts(n: int = 4000, scale: float = 1.0, seed: int = 0) -> ValueForecast:
    """Accounts that leave at once or stay all year, with the forecast that is right, times `scale`."""
    rng = np.random.default_rng(seed)
    stay, certain = rng.uniform(0.5, 0.99, n), rng.lognormal(5, 1, n)
    realised = certain * np.where(rng.random(n) < stay, rng.normal(1.0, 0.05, n), rng.uniform(0, 0.5, n))
    expected = certain * (stay + 0.25 * (1 - stay))
    return ValueForecast(12, scale * expected, realised, certain, 1 - stay, np.arange(n))


def test_an_honest_forecast_has_the_total_of_what_is_realised_in_every_tenth() -> None:
    model, *_ = judge_value(forecasts(), "model", 200)
    assert model.total.low < 1 < model.total.high and model.total.value == pytest.approx(1, abs=0.03)
    assert np.array(model.tenths) == pytest.approx(1, abs=0.12)


def test_a_forecast_that_is_too_high_is_seen() -> None:
    model, *_ = judge_value(forecasts(scale=1.2), "model", 200)
    assert model.total.low > 1.1


def test_rules_stand_beside_the_model() -> None:
    model, flat, mean = judge_value(forecasts(), "model", 200)
    assert flat.total.value > 1.15 and mean.total.value == pytest.approx(1)
    assert model.error < mean.error < flat.error
    assert flat.coverage is None


def test_intervals_cover_what_they_say_for_accounts_they_were_not_learned_from() -> None:
    model, *_ = judge_value(forecasts(), "model", 50)
    assert model.coverage == pytest.approx(0.8, abs=0.03)
    assert min(model.coverage_by_value) > 0.7 and min(model.coverage_by_risk) > 0.7
    assert len(model.coverage_by_value) == len(model.coverage_by_risk) == 10


def test_few_accounts_are_not_judged() -> None:
    assert judge_value(forecasts(FEW_ACCOUNTS - 1), "model", 50) == ()


def test_without_an_interval_no_coverage_is_stated() -> None:
    unknown = np.full(4000, np.nan)
    model, *_ = judge_value(replace(forecasts(), low=unknown, high=unknown), "model", 50)
    assert model.coverage is None and model.coverage_by_value == ()


def test_coverage_is_that_of_the_snapshots_with_an_interval() -> None:
    on = forecasts()
    low, high = on.realised - 1, on.realised + 1
    low[:1000] = high[:1000] = np.nan
    model, *_ = judge_value(replace(on, low=low, high=high), "model", 50)
    assert model.coverage == 1.0 and len(model.coverage_by_risk) == 10
