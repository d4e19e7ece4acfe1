"""The hazard model: fitted to hazards we chose, and silent where there is too little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.training.churn.made_rows import ENDS, FAST, made_rows, roles
from undertow.training.churn.cause_model import CauseModel
from undertow.training.churn.hazard import IMPOSSIBLE, fit_hazards, refit_hazards, served_ends
from undertow.training.churn.training_rows import TrainingRows
from undertow.training.examples.split import Examples

Make = Callable[..., Examples]
HORIZONS = (30, 60, 90, 180, 360)


def _with_few(involuntary: int) -> TrainingRows:
    """Rows of which only so many ended with a failed payment."""
    rows = made_rows()
    snapshot, period = np.nonzero(rows.events["involuntary"])
    rows.events["involuntary"][snapshot[involuntary:], period[involuntary:]] = False
    return rows


def fit(data: TrainingRows, threads: int = 1) -> dict[str, CauseModel]:
    return {model.cause: model for model in fit_hazards(data, roles(), FAST, threads)}


def test_a_cause_with_under_20_churners_gets_a_constant_hazard() -> None:
    data = _with_few(19)
    model = fit(data)["involuntary"]
    assert model.is_constant and model.recipe is None
    for period in range(len(ENDS)):
        rate = data.events["involuntary"][data.entered[:, period], period].mean()
        assert 1 / (1 + np.exp(-model.constant[period])) == pytest.approx(rate)


def test_a_cause_with_20_churners_gets_a_model() -> None:
    assert not fit(_with_few(20))["involuntary"].is_constant


def test_under_100_churners_of_both_causes_there_are_no_trees_of_families() -> None:
    few = made_rows(400, base=-3.0)
    assert 20 <= few.churners("voluntary", "involuntary") < 100
    model = fit(few)["voluntary"]
    assert model.recipe is not None and model.recipe.why.startswith("Thin data")
    assert model.linear is not None and model.trees is None


def test_a_cause_never_seen_is_next_to_impossible() -> None:
    assert fit(_with_few(0))["involuntary"].constant == (IMPOSSIBLE, IMPOSSIBLE)


def test_two_fits_are_equal_whatever_the_threads() -> None:
    data = made_rows(1500)
    one, other = fit(data, threads=1), fit(data, threads=2)
    for cause in one:
        assert np.array_equal(one[cause].log_odds(data.inputs), other[cause].log_odds(data.inputs))


def test_the_hazard_keeps_the_total_of_each_cause_and_ranks_like_the_truth() -> None:
    data, truth = made_rows(), made_rows(seed=1)
    for cause, column in (("voluntary", 0), ("involuntary", 2)):
        model = fit(data)[cause]
        p = 1 / (1 + np.exp(-model.log_odds(data.inputs)))
        assert (p * data.entered).sum() == pytest.approx(data.events[cause].sum(), rel=0.1)
        fresh = model.log_odds(truth.inputs)[:, 0]
        assert np.corrcoef(fresh, truth.inputs.features[:, column])[0, 1] > 0.8


def test_refitted_on_other_rows_a_model_keeps_its_recipe() -> None:
    data = made_rows()
    models = fit_hazards(data, roles(), FAST, 1)
    drawn = np.random.default_rng(3).integers(0, len(data.account), len(data.account))
    (again,) = refit_hazards(data, [drawn], roles(), models, FAST, 1)
    assert [model.recipe for model in again] == [model.recipe for model in models]
    assert not np.array_equal(again[0].log_odds(data.inputs), models[0].log_odds(data.inputs))


def test_progress_rises_to_one() -> None:
    reported: list[float] = []
    fit_hazards(made_rows(1000), roles(), FAST, 2, reported.append)
    assert reported == sorted(reported) and reported[-1] == 1.0


def test_only_periods_with_enough_followed_rows_are_served(examples: Make) -> None:
    assert served_ends(examples([np.nan] * 100, followed=95), HORIZONS) == (30, 60, 90)
    assert served_ends(examples([np.nan] * 99, followed=95), HORIZONS) == (30,)
    left_early = examples([10.0] * 50 + [np.nan] * 99, followed=400)
    assert served_ends(left_early, HORIZONS) == (30,)
