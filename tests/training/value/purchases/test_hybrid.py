"""The hybrid: total, intervals, what is saved, refusals; no later row changes a forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.value.purchases.histories_by_hand import FIRST, simulated_record
from undertow.features.errors import ModelRefusal
from undertow.training.value.purchases.features import NAMES, purchase_features
from undertow.training.value.purchases.history import PurchaseRecord, summarise
from undertow.training.value.purchases.hybrid import PurchaseModel, cutoffs, fit_purchases
from undertow.training.value.purchases.level import season_level, shrunk_ratio
from undertow.training.value.purchases.spend_intervals import SpendIntervals, fit_spend_intervals

HORIZON = 91
AS_OF = FIRST + 63 * 7


def ended(record: PurchaseRecord, day: np.datetime64) -> PurchaseRecord:
    rows = record.day < day
    return replace(record, customer=record.customer[rows], day=record.day[rows], net=record.net[rows], until=day)


@pytest.fixture(scope="module")
def record() -> PurchaseRecord:
    return simulated_record(4000, 76, 1)


@pytest.fixture(scope="module")
def model(record: PurchaseRecord) -> PurchaseModel:
    return fit_purchases(ended(record, AS_OF), HORIZON)


def test_the_total_is_that_of_the_level_model_in_its_season(model: PurchaseModel, record: PurchaseRecord) -> None:
    found = model.predict(ended(record, AS_OF))
    assert found.spend.sum() == pytest.approx(found.level.sum())
    realised = record.spent(found.ids, AS_OF, AS_OF + HORIZON)
    assert found.spend.sum() / realised.sum() == pytest.approx(1.0, abs=0.2)
    assert np.corrcoef(np.argsort(np.argsort(found.spend)), realised)[0, 1] > 0.3


def test_intervals_hold_the_forecast_and_about_four_of_five(model: PurchaseModel, record: PurchaseRecord) -> None:
    found = model.predict(ended(record, AS_OF))
    realised = record.spent(found.ids, AS_OF, AS_OF + HORIZON)
    assert ((found.low <= found.spend) & (found.spend <= found.high)).all()
    assert 0.74 < ((found.low <= realised) & (realised <= found.high)).mean() < 0.92


def test_it_is_read_back(model: PurchaseModel, record: PurchaseRecord, tmp_path: Path) -> None:
    model.save(tmp_path)
    known = ended(record, AS_OF)
    read, fitted = PurchaseModel.load(tmp_path).predict(known), model.predict(known)
    for name in ("ids", "spend", "low", "high", "alive"):
        assert np.array_equal(getattr(read, name), getattr(fitted, name))
    assert not list(tmp_path.glob("*.pkl"))


def test_under_two_horizons_of_history_is_refused(record: PurchaseRecord) -> None:
    with pytest.raises(ModelRefusal, match="needs two horizons of history, 560 days"):
        fit_purchases(ended(record, AS_OF), 280)


def test_a_model_of_another_day_is_refused(model: PurchaseModel, record: PurchaseRecord) -> None:
    with pytest.raises(ModelRefusal, match="Fit a model at"):
        model.predict(record)
    with pytest.raises(ModelRefusal, match="Fit a model at"):
        model.predict(ended(record, AS_OF - 1))


def test_the_horizons_learned_from_are_over(record: PurchaseRecord) -> None:
    days = cutoffs(ended(record, AS_OF), HORIZON)
    assert days[0] + HORIZON == AS_OF
    assert min(days) >= record.since + 56


def test_the_season_is_that_of_a_year_earlier_where_the_record_reaches_back(record: PurchaseRecord) -> None:
    assert season_level(ended(record, AS_OF), HORIZON, HORIZON).first == str(AS_OF - 364)
    assert not season_level(ended(record, AS_OF - 70), HORIZON, HORIZON).is_same_season


def test_a_noisy_ratio_is_shrunk_more_than_a_steady_one() -> None:
    one_spender = np.r_[150.0, np.zeros(99)]
    assert 1.0 < shrunk_ratio(one_spender, np.ones(100)) < shrunk_ratio(np.full(100, 1.5), np.ones(100))


def test_features_are_those_of_the_purchases_known(record: PurchaseRecord) -> None:
    whole, cut = record.before(AS_OF), ended(record, AS_OF).before(AS_OF)
    x = purchase_features(whole, summarise(whole))
    assert x.shape == (len(whole.ids), len(NAMES))
    assert np.array_equal(x, purchase_features(cut, summarise(cut)), equal_nan=True)


def test_too_few_customers_give_no_interval() -> None:
    learned = fit_spend_intervals(np.ones(49), np.ones(49))
    assert learned == SpendIntervals()
    assert np.isnan(learned.around(np.ones(3))).all()


def test_who_stayed_away_is_expected_to_spend_less_and_the_sooner_the_more_usual_a_purchase_was(
    model: PurchaseModel, record: PurchaseRecord
) -> None:
    known = ended(record, AS_OF)
    found = model.predict(known, away_days=30)
    assert (found.if_away < found.spend).all() and (found.if_away >= 0).all()
    assert (model.predict(known, away_days=60).if_away < found.if_away).all()
    assert not model.predict(known).if_away.any()
    often = summarise(known.before(AS_OF)).frequency > 8
    share = found.if_away / found.spend
    assert share[often & (found.alive > 0.9)].mean() < share[(summarise(known.before(AS_OF)).frequency == 1)].mean()
