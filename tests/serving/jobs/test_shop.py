"""A shop without subscriptions, from two CSV files to its list and pages: who stays away, and what that would cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.shop_by_hand import NOW, write_shop
from undertow.features.settings import Settings, load_settings
from undertow.features.sources.load import load_tables
from undertow.serving import pages
from undertow.serving.jobs.score import ScoreReport, score
from undertow.serving.pages.journeys.drivers import drivers
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.overviews.drivers_query import DriversQuery, select_drivers
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.scores import PublishedScores
from undertow.training.backtest.backtest import backtest
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.report import TrainReport
from undertow.training.evaluation.value import judge_spend_forecasts
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import show_version
from undertow.training.train import train
from undertow.training.value.purchases.fitted import fit_spend, judge_at, pool_spend
from undertow.training.value.spend import SPEND_COLUMNS


@dataclass(frozen=True)
class Shop:
    settings: Settings
    trained: TrainReport
    scored: ScoreReport

    @property
    def table(self) -> pa.Table:
        return pq.read_table(self.scored.folder / "scores.parquet")

    @property
    def published(self) -> PublishedScores:
        return ScoresReader(self.settings.store_path()).latest()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop, trained on and scored at the end of its rows."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    settings = load_settings(folder)
    return Shop(settings, train(settings, NOW), score(settings, NOW))


def test_forecasts_of_staying_away_beat_the_base_rate_and_add_up_to_what_happened(shop: Shop) -> None:
    at_90 = {result.model: result for result in shop.trained.results if result.horizon == 90}
    model, base = at_90["undertow hazard"], at_90["base rate"]
    assert model.churners > 50
    assert model.metrics["log_loss"].high < base.metrics["log_loss"].value
    total = model.metrics["calibration"]
    assert abs(total.value - 1) < 0.1 or total.low < 1 < total.high
    assert model.metrics["auroc"].low > 0.65


def test_every_label_is_what_the_rows_say(shop: Shop) -> None:
    """At the test as_of, 90 days: customers bought in the 90 days before, and left if they bought in none after."""
    [as_of] = shop.trained.dates.test
    rows = pd.read_csv(shop.settings.folder / "payments.csv", parse_dates=["attempted_at"])
    days = (rows["attempted_at"] - as_of).dt.total_seconds() / 86400
    customers = set(rows["account_id"][(days >= -90) & (days < 0)])
    back = set(rows["account_id"][(days >= 0) & (days < 90)])
    judged = next(result for result in shop.trained.results if result.horizon == 90)
    assert (judged.rows, judged.churners) == (len(customers), len(customers - back))


def test_spend_is_forecast_and_judged_on_the_last_finished_horizon(shop: Shop) -> None:
    model = shop.trained.values[0]
    assert model.months == 6 and 0.75 < model.total.value < 1.3
    assert model.coverage is not None and 0.7 < model.coverage < 0.95
    past = next(result for result in shop.trained.values if result.model.startswith("spend of as many days"))
    assert model.error < past.error


def test_the_published_numbers_add_up(shop: Shop) -> None:
    rows = shop.table.to_pandas()
    families = ["ux", "cx", "billing", "usage"]
    total = rows["like_probability"] + rows[[f"probability_{family}" for family in families]].sum(axis=1)
    assert np.allclose(total, rows["p_90"], atol=1e-9)
    money = rows["like_value_at_risk"] + rows[[f"value_at_risk_{family}" for family in families]].sum(axis=1)
    assert np.allclose(money, rows["value_at_risk"], rtol=1e-9, atol=1e-6)
    assert (rows["value_at_risk"] < rows["p_90"] * rows["clv_if_kept"]).all()  # who stayed away may come back
    assert (rows["clv_low"] <= rows["clv"]).all() and (rows["clv"] <= rows["clv_high"]).all()
    assert (np.diff(rows["value_at_risk"]) <= 0).all()
    assert (np.diff(rows[["p_30", "p_60", "p_90", "p_180"]].to_numpy(), axis=1) <= 0).all()  # away longer is rarer
    assert rows["mrr"].isna().all() and (rows["spent"] > 0).all()
    assert shop.scored.value_at_risk == pytest.approx(rows["value_at_risk"].sum())


def test_published_rows_are_scored_live_as_they_were_published(shop: Shop) -> None:
    rows = pq.read_table(shop.scored.folder / "features.parquet")
    assert set(SPEND_COLUMNS) <= set(rows.column_names)
    bundle = Bundle.load(shop.scored.folder / "bundle")
    again = dict(zip(rows["account_id"].to_pylist(), bundle.score(rows).value_at_risk.tolist(), strict=True))
    table = shop.table
    assert dict(zip(table["account_id"].to_pylist(), table["value_at_risk"].to_pylist(), strict=True)) == again


def test_without_a_spend_forecast_the_last_year_stands_for_it_and_no_value_is_claimed(shop: Shop) -> None:
    rows = pq.read_table(shop.scored.folder / "features.parquet").drop_columns(list(SPEND_COLUMNS))
    bundle = Bundle.load(shop.scored.folder / "bundle")
    found = bundle.score(rows)
    money = 0.5 * 1.1 ** (-0.25)
    assert np.isnan(found.clv).all()
    kept = np.asarray(rows["spend_365"].to_numpy()) * 6 / 12 * money
    assert found.value_at_risk == pytest.approx(kept * found.probability[:, bundle.ends.index(90)])


def test_the_pages_speak_of_staying_away_and_of_spend(shop: Shop) -> None:
    published = shop.published
    html = pages.at_risk(published, AtRiskQuery(), published.select(AtRiskQuery()))
    for words in ("Away for 90 days", "Spent in 365 days, EUR", "the money that staying away for 90 days"):
        assert words in html
    for words in ("MRR", "Renews", "by failed payment", "nan"):
        assert words not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    first = published.account(shop.table["account_id"][0].as_py())
    html = pages.account(published, first)
    for words in ("Chance of staying away", "If it were sure to buy again it would be", "like tenure and profile"):
        assert words in html
    assert "MRR" not in html and "nan" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def test_the_model_card_speaks_of_staying_away(shop: Shop) -> None:
    card = show_version(open_registry(shop.settings)).card
    assert "- Every account with payments or events in the 90 days before at an as_of" in card
    assert "- No payments and no events in the whole horizon after as_of." in card
    assert "MRR" not in card.partition("## Features")[0].replace("MRR = ", "")


def test_a_backtest_judges_several_moments(shop: Shop) -> None:
    report = backtest(shop.settings, NOW, 2)
    assert len(report.moments) == 2
    assert report.pooled[0].metrics["auroc"].low > 0.65
    assert report.found[0].lost.value > 0
    assert list(report.judged.orders)[:4] == ["value at risk", "P(churn) x monthly spend", "P(churn)", "monthly spend"]
    mine, *rules = report.values  # of the moment whose six months have passed
    assert [each.model for each in rules] == ["spend of as many days before", "level model"]
    assert report.forecasts is not None and mine.snapshots == mine.accounts == len(report.forecasts.realised)


def test_spend_forecasts_of_several_days_are_judged_together(shop: Shop) -> None:
    """The days are 2023-05-01 and 2023-06-01; of a customer known on both, rows are drawn together."""
    tables = load_tables(shop.settings, NOW)
    days, parts = (datetime(2023, 5, 1), datetime(2023, 6, 1)), []
    for as_of in days:
        model, _ = fit_spend(shop.settings, tables, as_of)
        judged = judge_at(shop.settings, tables, model, as_of)
        assert judged is not None and judged.first == f"{as_of:%Y-%m-%d}"
        parts.append(judged)
    assert judge_at(shop.settings, tables, model, datetime(2023, 12, 1)) is None
    pooled = pool_spend(parts)
    rows = pd.read_csv(shop.settings.folder / "payments.csv", parse_dates=["attempted_at"])
    after = rows["attempted_at"].between(days[1], days[1] + timedelta(days=parts[1].days), inclusive="left")
    known = rows["account_id"].isin(parts[1].customer)
    assert parts[1].realised.sum() == pytest.approx(rows.loc[after & known, "amount"].sum())
    mine, *rules = judge_spend_forecasts(pooled, 6, "ours", 50)
    assert mine.snapshots == len(parts[0].realised) + len(parts[1].realised)
    assert mine.accounts == len(set(parts[0].customer) | set(parts[1].customer)) < mine.snapshots
    assert 0.7 < mine.total.value < 1.3
    assert mine.error < min(rule.error for rule in rules if rule.model != "level model")


def test_journeys_and_personas_of_buyers_say_what_there_is_and_what_is_missing(shop: Shop) -> None:
    journey, people = shop.published.journeys, shop.published.personas
    points = {point["name"]: point for point in journey["touchpoints"]}
    assert len(journey["observed_as_ofs"]) > 1
    assert points["use"]["why_not"].startswith("not available: it needs visits_30")  # no events
    assert points["renewal"]["why_not"].startswith("not available: it needs")  # no subscriptions
    billing = points["billing"]
    assert billing["accounts"] > 0 and billing["in_trouble"] == 0  # receipts alone: no payment failed
    others = billing["churn"]["others"]
    assert others["left"] > 0 and others["low"] < others["share"] < others["high"]
    assert billing["churn"]["why_not"].startswith("not enough data")
    assert {each["family"] for each in people["measures"]} == {"usage"} and len(people["tried"]) == 5
    assert bool(people["personas"]) == any(each["is_stable"] for each in people["tried"])
    for each in people["personas"]:
        assert each["profile"] and each["churn"]["share"] is not None and each["value"]["mean_mrr"] is None


def test_drivers_by_month_are_those_of_staying_away_and_of_expected_spend(shop: Shop) -> None:
    found = select_drivers(shop.published.drivers_by_month, DriversQuery())
    assert len(found["by_month"]) > 3 and found["why_not"] is None
    newest = found["by_month"][-1]
    assert newest["value_at_risk"]["value"] > 0 and not newest["too_few"]
    for name, whole in (("points", newest["probability"]), ("money", newest["value_at_risk"])):
        assert sum(part[name]["value"] for part in newest["parts"]) == pytest.approx(whole["value"], rel=1e-9)
    earlier = found["by_month"][0]
    assert earlier["value_at_risk"]["value"] > 0  # the spend expected then
    shown = drivers(shop.published, DriversQuery())
    assert "Tenure and season" in shown and "Mean chance to stay away for 90 days" in shown
