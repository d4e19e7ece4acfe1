"""The split gain of a model: one column that has most of it is a leak."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm as lgb
import numpy as np
import pytest

from tests.training.leakage.columns_by_hand import HEADLINE, N, churn_days, column
from undertow.features.settings import Training
from undertow.training.examples.split import Examples
from undertow.training.leakage.model_gain import ModelAlarm, fit_small, model_findings


@pytest.mark.parametrize(
    ("gains", "columns", "level"),
    [
        ((("knows", 0.6), ("mrr", 0.4)), 40, "failure"),
        ((("knows", 0.4), ("mrr", 0.3), ("seats", 0.3)), 40, None),
        ((("knows", 0.6), ("mrr", 0.4)), 6, "warning"),  # of six columns one may honestly lead
        ((("renewal", 0.6), ("mrr", 0.4)), 40, "warning"),
        ((("period_renewals", 0.6), ("mrr", 0.4)), 40, "warning"),
    ],
)
def test_one_column_with_most_of_the_gain(gains: tuple, columns: int, level: str | None) -> None:
    found = model_findings(ModelAlarm("a model", columns, gains), [column("renewal", clock=True)], HEADLINE)
    assert [one.severity for one in found] == ([level] if level else [])


def test_a_small_model_leans_on_what_knows(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(11)
    days = churn_days(rng)
    honest = {f"c{number}": rng.normal(size=N) for number in range(25)}
    found = examples(days, knows=~np.isnan(days) + rng.normal(0, 0.3, N), **honest)
    alarm = fit_small(found, tuple(column(name) for name in ("knows", *honest)), HEADLINE, Training())
    assert alarm is not None
    assert alarm.gains[0][0] == "knows" and alarm.gains[0][1] > 0.5
    assert sum(share for _, share in alarm.gains) == pytest.approx(1.0)
    assert fit_small(examples(np.full(N, np.nan)), (column("mrr"),), HEADLINE, Training()) is None


def test_a_model_without_splits_has_no_gain() -> None:
    data = lgb.Dataset(np.ones((50, 1)), label=np.ones(50))
    booster = lgb.train({"verbosity": -1, "objective": "regression"}, data, num_boost_round=1)
    assert booster.feature_importance(importance_type="gain").sum() == 0
    [found] = model_findings(None, (), HEADLINE)
    assert found.severity == "note"
