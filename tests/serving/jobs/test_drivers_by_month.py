"""Drivers by month of the simulated business: as described, counted again, sampled, and blind to what came later."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.trained_world import NOW
from undertow.features.settings import Settings, load_settings
from undertow.serving.jobs.beside_the_list import drivers_by_month as job
from undertow.serving.jobs.prepare import MOST_MONTHS, Prepared, prepare
from undertow.serving.jobs.score import ScoreReport
from undertow.serving.published.overviews.drivers_by_month import DriversByMonth
from undertow.serving.published.overviews.drivers_query import DriversQuery, select_drivers
from undertow.training.examples.person_periods import numbers

Json = dict[str, Any]


@pytest.fixture(scope="module")
def found(report: ScoreReport) -> Json:
    read: Json = json.loads((report.folder / "drivers_by_month.json").read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def ready(scored: Settings, report: ScoreReport) -> Prepared:
    return prepare(scored, NOW, look_back=True)


def again(settings: Settings, ready: Prepared) -> Json:
    """Return the drivers by month of prepared features."""
    rows = ready.features.read([ready.as_of])
    made: Json = job.drivers_by_month(settings, ready, rows, ready.bundle.score(rows))
    return made


def test_every_group_is_published_as_it_is_described(found: Json, report: ScoreReport) -> None:
    assert {group["by"] for group in found["groups"]} == {"all", "segment", "platform", "plan"}
    for group in found["groups"]:
        asked = {} if group["by"] == "all" else {group["by"]: group["name"]}
        answer = select_drivers(found, DriversQuery(**asked))
        assert msgspec.to_builtins(msgspec.convert(answer, DriversByMonth)) == answer
    assert found["months"][-1] == {
        "as_of": f"{report.as_of:%Y-%m-%d}", "customers": report.accounts, "sampled": report.accounts,
    }  # fmt: skip


def test_months_are_the_newest_month_starts_of_the_record_and_none_is_later(found: Json, ready: Prepared) -> None:
    days = [month["as_of"] for month in found["months"]]
    assert days == sorted(days) and days[-1] == found["as_of"] and 2 < len(days) <= MOST_MONTHS + 1
    assert all(day.endswith("-01") for day in days[:-1]) and max(ready.months) == ready.as_of


def test_the_newest_month_is_that_of_the_list(found: Json, report: ScoreReport) -> None:
    table = pq.read_table(report.folder / "scores.parquet")
    newest = found["groups"][0]["months"][-1]
    assert newest["probability"]["value"] == pytest.approx(np.mean(numbers(table, "p_90")), abs=1e-9)
    assert newest["value_at_risk"]["value"] == pytest.approx(report.value_at_risk, rel=1e-9)
    points = {part["part"]: part["points"]["value"] for part in newest["parts"]}
    assert points["cx"] == pytest.approx(np.mean(numbers(table, "probability_cx")), abs=1e-9)
    segments = {group["name"]: group["months"][-1]["accounts"] for group in found["groups"] if group["by"] == "segment"}
    counts = {each["values"]: each["counts"] for each in table["segment"].value_counts().to_pylist()}
    assert segments == {name or "not stated": count for name, count in counts.items()}


def test_parts_of_every_month_add_up(found: Json) -> None:
    for group in found["groups"]:
        for month in group["months"]:
            if not month["too_few"]:
                total = sum(part["points"]["value"] for part in month["parts"])
                assert total == pytest.approx(month["probability"]["value"], abs=1e-9)


def test_no_month_changes_with_what_was_recorded_after_it(scored: Settings, found: Json, ready: Prepared) -> None:
    """The record as it was two months before: the same numbers in every month up to then, and metrics too."""
    cut = ready.months[-3]
    earlier = prepare(scored, NOW, cut, look_back=True)
    assert earlier.as_of == cut < ready.as_of
    made = again(scored, earlier)
    then, now = ({month["as_of"]: month for month in each["groups"][0]["months"]} for each in (made, found))
    both = [day for day in then if day in now]
    assert both[-1] == f"{cut:%Y-%m-%d}" and len(both) > 2
    for day in both:
        assert then[day]["accounts"] == now[day]["accounts"]
        for before, after in zip(then[day]["parts"], now[day]["parts"], strict=True):
            assert before["points"]["value"] == pytest.approx(after["points"]["value"], abs=1e-9)
            assert before["money"]["value"] == pytest.approx(after["money"]["value"], rel=1e-6, abs=1e-6)
    assert max(month["as_of"] for line in made["metrics"]["lines"] for month in line["months"]) <= both[-1]


def test_a_sample_is_said_and_money_is_scaled_to_all(
    scored: Settings, ready: Prepared, found: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "MOST_ACCOUNTS", 60)
    made, repeated = again(scored, ready), again(scored, ready)
    assert json.dumps(made) == json.dumps(repeated)
    newest = made["months"][-1]
    assert (newest["sampled"], newest["customers"]) == (60, found["months"][-1]["customers"])
    small, whole = (each["groups"][0]["months"][-1]["value_at_risk"] for each in (made, found))
    assert small["low"] < whole["value"] < small["high"]
    assert small["high"] - small["low"] > whole["high"] - whole["low"]


def test_metrics_stand_at_the_day_on_which_their_month_ended(found: Json) -> None:
    lines = {(line["by"], line["name"]): line["months"] for line in found["metrics"]["lines"]}
    assert [card["family"] for card in found["metrics"]["cards"][:3]] == ["ux"] * 3
    whole = {month["as_of"]: month["month"] for month in lines["all", ""]}
    assert whole["2024-06-01"] == "2024-05" and {*whole} >= {month["as_of"] for month in found["months"][:-1]}
    assert ("platform", "web") in lines
    assert {value["status"] for value in lines["platform", "web"][-1]["values"]} >= {"not broken down by it"}


def test_without_earlier_months_the_reason_is_said_and_the_measures_stay(scored: Settings, ready: Prepared) -> None:
    made = again(scored, replace(ready, months=()))
    assert made["groups"] == [] and "less than 90 days before a month start earlier" in made["why_not"]
    assert made["measures"] and made["metrics"]["why_not"] == "there are no months"
    present = load_settings(scored.folder)
    data = present.data.model_copy(update={"present_only": ("subscriptions",)})
    made = again(present.model_copy(update={"data": data}), replace(ready, months=()))
    assert made["why_not"] == "subscriptions shows only the present ([data] present_only)"
