"""Three simple ways to the same number, each on examples made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.catalogue.choose import make_catalogue
from undertow.training.churn.baselines import Baseline, fit_baselines
from undertow.training.examples.encoding import ModelColumn, fit_columns
from undertow.training.examples.split import Examples

Make = Callable[..., Examples]
N = 400
QUIET = np.arange(N) % 100  # days since the last login; the longer, the likelier they leave
LEAVES = np.where(np.random.default_rng(0).uniform(size=N) < QUIET / 120, 10.0, np.nan)


@pytest.fixture
def learn(examples: Make) -> Examples:
    segment = np.where(QUIET > 60, "small", "large").tolist()
    return examples(LEAVES, days_since_last_login=[float(days) for days in QUIET], segment=segment)


def columns_of(learn: Examples) -> tuple[ModelColumn, ...]:
    catalogue = make_catalogue(("accounts", "subscriptions", "events"))
    return fit_columns(tuple(c for c in catalogue.columns if c.name in learn.rows.column_names), learn.rows)


def fitted(learn: Examples, horizon: int = 30) -> dict[str, Baseline]:
    return {one.name: one for one in fit_baselines(learn, columns_of(learn), (horizon,))[horizon]}


def test_all_three_are_there_and_give_probabilities(learn: Examples) -> None:
    found = fitted(learn)
    assert list(found) == ["base rate", "recency rule", "logistic regression"]
    for baseline in found.values():
        p = baseline.probability(learn.rows, 30)
        assert p.shape == (N,)
        assert ((p > 0) & (p < 1)).all()


def test_the_base_rate_is_the_share_that_left(learn: Examples) -> None:
    p = fitted(learn)["base rate"].probability(learn.rows, 30)
    assert p == pytest.approx([(~np.isnan(LEAVES)).mean()] * N)


def test_the_total_of_every_baseline_is_about_right(learn: Examples) -> None:
    for name, baseline in fitted(learn).items():
        total = baseline.probability(learn.rows, 30).sum()
        assert total == pytest.approx((~np.isnan(LEAVES)).sum(), rel=0.03), name


def test_the_longer_the_silence_the_higher_the_recency_rule(learn: Examples) -> None:
    p = fitted(learn)["recency rule"].probability(learn.rows, 30)
    by_days = [p[days == QUIET][0] for days in (5, 25, 45, 65, 95)]
    assert by_days == sorted(by_days)
    assert by_days[-1] > 2 * by_days[0]


def test_the_recency_rule_has_an_own_rate_for_the_unknown(examples: Make) -> None:
    """Every third account never logged in, and all of those left."""
    never = np.arange(N) % 3 == 0
    days = [None if unknown else float(quiet) for unknown, quiet in zip(never, QUIET, strict=True)]
    learn = examples(np.where(never, 5.0, LEAVES), days_since_last_login=days)
    p = fitted(learn)["recency rule"].probability(learn.rows, 30)
    assert p[never].min() > 0.95
    assert p[~never].max() < 0.9


def test_the_logistic_regression_ranks_by_what_matters(learn: Examples) -> None:
    p = fitted(learn)["logistic regression"].probability(learn.rows, 30)
    assert np.corrcoef(p, QUIET)[0, 1] > 0.8


def test_the_logistic_regression_reads_what_it_never_saw(learn: Examples) -> None:
    strange = learn.rows.set_column(
        learn.rows.column_names.index("segment"), "segment", pa.array(["new"] * N)
    ).set_column(learn.rows.column_names.index("mrr"), "mrr", pa.nulls(N, pa.float64()))
    p = fitted(learn)["logistic regression"].probability(strange, 30)
    assert ((p > 0) & (p < 1)).all()


@pytest.mark.parametrize("days", [np.nan, 5.0])
def test_without_both_outcomes_there_is_nothing_to_learn(examples: Make, days: float) -> None:
    learn = examples([days] * 50)
    assert fit_baselines(learn, columns_of(learn), (30,)) == {}


def test_only_matured_windows_are_learned_from(learn: Examples, examples: Make) -> None:
    """A window of 30 days that was followed for 20 says nothing: those rows would halve the base rate."""
    immature = examples([np.nan] * N, followed=20, days_since_last_login=[1.0] * N, segment=["large"] * N)
    both = Examples(pa.concat_tables([learn.rows, immature.rows]), _joined(learn, immature))
    p = fitted(both)["base rate"].probability(both.rows, 30)
    assert p[0] == pytest.approx((~np.isnan(LEAVES)).mean())


def _joined(one: Examples, other: Examples) -> Any:
    fields = ("followed_days", "churn_days", "neutral_days", "cause", "gone")
    return type(one.outcomes)(
        *(np.concatenate([getattr(one.outcomes, name), getattr(other.outcomes, name)]) for name in fields)
    )


def test_weights_give_the_total_of_the_rows_that_they_stand_for(learn: Examples) -> None:
    stayed = np.isnan(LEAVES)
    some = ~stayed | (np.arange(N) % 200 < 100)  # half of those that stayed
    part = replace(learn.take(some), weight=np.where(stayed, stayed.sum() / (stayed & some).sum(), 1.0)[some])
    for name, baseline in fitted(part).items():
        assert baseline.probability(learn.rows, 30).sum() == pytest.approx((~stayed).sum(), rel=0.05), name
    unweighted = fitted(replace(part, weight=None))["base rate"]
    assert unweighted.probability(learn.rows, 30).sum() > 1.2 * (~stayed).sum()
