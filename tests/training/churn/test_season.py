"""The season: found where months repeat it, small where they do not, and none for failed payments or short records."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.churn.made_rows import COLUMNS, ENDS, inputs
from undertow.training.churn.season import Season, fit_season
from undertow.training.churn.training_rows import TrainingRows

FIRST = 18_993.0  # 1 January 2022


def _rows(months: int, amplitude: float, shocks: float = 0.0, n: int = 2000) -> TrainingRows:
    """n accounts per month start; log-odds of leaving are highest in mid-January, and differ from month to month."""
    random = np.random.default_rng(0)
    day = np.repeat(FIRST + 30.4375 * np.arange(months), n)
    common = np.repeat(random.normal(0, shocks, months), n) if shocks else np.zeros(len(day))
    middle = day[:, None] - FIRST + np.array([15.0, 45.0])
    p = 1 / (1 + np.exp(-(-3.0 + amplitude * np.cos(2 * np.pi * middle / 365.25) + common[:, None])))
    events = random.uniform(size=(len(day), len(ENDS))) < p
    entered = np.ones(events.shape, dtype=bool)
    given = inputs(np.zeros((len(day), len(COLUMNS))), day)
    return TrainingRows(given, entered, {"voluntary": events, "involuntary": events}, np.arange(len(day)))


def _fit(rows: TrainingRows, cause: str = "voluntary") -> Season:
    return fit_season(rows, cause, np.zeros(rows.entered.shape))


def test_a_season_that_every_year_repeats_is_found_and_a_little_smaller_than_it_is() -> None:
    season = _fit(_rows(36, amplitude=0.3, n=8000))
    assert 0.15 < season.cosine < 0.33 and abs(season.sine) < 0.1


def test_months_that_differ_by_chance_are_hardly_a_season() -> None:
    free, shaken = _fit(_rows(24, amplitude=0.2, n=6000)), _fit(_rows(24, amplitude=0.2, shocks=0.3, n=6000))
    assert np.hypot(shaken.cosine, shaken.sine) < 0.1
    assert free.cosine > 0.1


def test_there_is_none_for_failed_payments_or_under_thirteen_months() -> None:
    assert _fit(_rows(36, amplitude=0.5), "involuntary") == Season()
    assert _fit(_rows(12, amplitude=0.5)) == Season()


def test_its_log_odds_are_the_mean_over_each_period() -> None:
    season = Season(cosine=0.2, sine=-0.1)
    [found] = season.log_odds(inputs(np.zeros((1, len(COLUMNS))), FIRST + 10))
    days = np.arange(0, 60, 0.01)
    wave = 0.2 * np.cos(2 * np.pi * (10 + days) / 365.25) - 0.1 * np.sin(2 * np.pi * (10 + days) / 365.25)
    assert found == pytest.approx([wave[days < 30].mean(), wave[days >= 30].mean()], abs=1e-4)
