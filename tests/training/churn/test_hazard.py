"""The hazard model: fitted to hazards we chose, and silent where there is too little."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from undertow.features.settings import Training
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.hazard import (
    IMPOSSIBLE,
    PersonPeriods,
    column_names,
    fit_hazards,
    parameters,
    person_periods,
    served_ends,
    spans_two_years,
)
from undertow.training.examples.person_periods import COVARIATES
from undertow.training.examples.split import Examples

Make = Callable[..., Examples]
ENDS = (30, 60)
NAMES = ["pain", "noise"]
FAST = Training(trees=30, seeds=2, horizons=ENDS, headline=30)
HORIZONS = (30, 60, 90, 180, 360)


def rows(voluntary: int, involuntary: int, n: int = 3000) -> PersonPeriods:
    """So many events of each cause among n rows in two periods; who feels pain leaves by choice."""
    random = np.random.default_rng(0)
    matrix = random.uniform(size=(n, 2))
    came = {"voluntary": np.zeros(n, dtype=bool), "involuntary": np.zeros(n, dtype=bool)}
    came["voluntary"][np.argsort(-matrix[:, 0] - 0.3 * random.uniform(size=n))[:voluntary]] = True
    came["involuntary"][random.choice(n, involuntary, replace=False)] = True
    return PersonPeriods(matrix, np.arange(n) % 2, np.arange(n), came)


def fit(data: PersonPeriods, threads: int = 1) -> dict[str, CauseModel]:
    return {model.cause: model for model in fit_hazards(data, NAMES, ENDS, FAST, threads)}


def texts(model: CauseModel) -> list[str]:
    return [booster.model_to_string() for booster in model.boosters]


def test_a_cause_with_under_20_events_gets_a_constant_hazard() -> None:
    data = rows(voluntary=300, involuntary=19)
    model = fit(data)["involuntary"]
    assert model.boosters == ()
    for period in (0, 1):
        rate = data.events["involuntary"][data.period == period].mean()
        assert 1 / (1 + np.exp(-model.baseline[period])) == pytest.approx(rate)


def test_a_cause_with_20_events_gets_a_bag() -> None:
    models = fit(rows(voluntary=300, involuntary=20))
    assert [len(model.boosters) for model in models.values()] == [FAST.seeds] * 2


def test_a_cause_never_seen_is_next_to_impossible() -> None:
    assert fit(rows(voluntary=300, involuntary=0))["involuntary"].baseline == (IMPOSSIBLE, IMPOSSIBLE)


def test_two_fits_are_equal_whatever_the_threads() -> None:
    data = rows(voluntary=300, involuntary=60)
    one, other = fit(data, threads=1), fit(data, threads=2)
    for cause in one:
        assert texts(one[cause]) == texts(other[cause])
        assert one[cause].baseline == other[cause].baseline


def test_the_members_of_a_bag_differ() -> None:
    one, other = texts(fit(rows(voluntary=300, involuntary=60))["voluntary"])
    assert one != other


def test_the_hazard_finds_what_matters_and_keeps_the_total() -> None:
    data = rows(voluntary=300, involuntary=60)
    model = fit(data)["voluntary"]
    p = np.mean([booster.predict(data.matrix) for booster in model.boosters], axis=0)
    assert p.sum() == pytest.approx(300, rel=0.1)
    assert np.corrcoef(p, data.matrix[:, 0])[0, 1] > 0.4 > abs(np.corrcoef(p, data.matrix[:, 1])[0, 1])


def test_the_baseline_is_the_mean_log_odds_of_each_period() -> None:
    data = rows(voluntary=300, involuntary=60)
    model = fit(data)["voluntary"]
    raw = np.mean([booster.predict(data.matrix, raw_score=True) for booster in model.boosters], axis=0)
    assert model.baseline == pytest.approx([raw[data.period == 0].mean(), raw[data.period == 1].mean()])


def test_progress_ends_at_one() -> None:
    told: list[float] = []
    fit_hazards(rows(300, 60), NAMES, ENDS, FAST, 2, told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_thin_data_get_smaller_trees_and_no_class_weights() -> None:
    thin, thick = parameters(4_999, 499, 100, FAST, 0), parameters(5_000, 500, 280, FAST, 0)
    assert (thin["num_leaves"], thick["num_leaves"]) == (7, 15)
    assert (thin["min_child_samples"], thick["min_child_samples"]) == (30, 100)
    assert (thin["colsample_bytree"], thick["colsample_bytree"]) == (0.5, 0.25)  # 70 of 280 columns a tree
    assert not {"scale_pos_weight", "is_unbalance", "class_weight"} & set(thin)


def test_only_periods_with_enough_followed_rows_are_served(examples: Make) -> None:
    assert served_ends(examples([np.nan] * 100, followed=95), HORIZONS) == (30, 60, 90)
    assert served_ends(examples([np.nan] * 99, followed=95), HORIZONS) == (30,)
    left_early = examples([10.0] * 50 + [np.nan] * 99, followed=400)
    assert served_ends(left_early, HORIZONS) == (30,)


def test_seasons_are_known_after_two_years(examples: Make) -> None:
    short = [datetime(2022, 1, 1), datetime(2023, 12, 31)]
    assert not spans_two_years(examples([np.nan] * 2, as_of=short))
    assert spans_two_years(examples([np.nan] * 2, as_of=[short[0], datetime(2024, 1, 1)]))


def test_a_snapshot_gives_a_row_for_each_period_it_lived_to_see(examples: Make) -> None:
    found = person_periods(examples([np.nan, 40.0, 10.0]), (), (30, 60, 90), season=False)
    assert found.period.tolist() == [0, 1, 2, 0, 1, 0]
    assert found.matrix.shape == (6, len(COVARIATES))
    assert found.events["voluntary"].tolist() == [False, False, False, False, True, True]
    assert not found.events["involuntary"].any()


def test_names_of_the_matrix_end_with_the_covariates() -> None:
    assert column_names(()) == [name for name, _, _ in COVARIATES]
