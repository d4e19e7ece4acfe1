"""Journeys and personas of the simulated business: published beside the list, counted again, and honest about time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.trained_world import NOW
from undertow.features.engines.database import open_database
from undertow.features.settings import Settings
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables
from undertow.serving.jobs.beside_the_list.journeys_and_personas import observed_of
from undertow.serving.jobs.prepare import MOST_FOLLOWED, followed_as_ofs, prepare
from undertow.serving.jobs.score import ScoreReport, score
from undertow.serving.published.descriptions import Journeys, Personas
from undertow.serving.published.reader import ScoresReader
from undertow.training.drivers.observed import Compared, Observed, compare
from undertow.training.examples.person_periods import numbers
from undertow.training.examples.split import make_examples, whole_as_ofs


def said(report: ScoreReport, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((report.folder / name).read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module")
def every_month(scored: Settings, report: ScoreReport) -> Observed:
    """Every snapshot of the record whose horizon is over."""
    ready = prepare(scored, NOW, look_back=True)
    as_ofs = whole_as_ofs(scored, calendar(scored.snapshots, ready.tables), ready.tables.until)
    with open_database(scored) as database:
        examples = make_examples(database, scored.churn, ready.tables, ready.features, as_ofs, ready.as_of)
    return observed_of(ready.bundle, examples.take(examples.outcomes.matured(ready.bundle.headline)))


def test_both_are_published_as_they_are_described(report: ScoreReport) -> None:
    journey, people = said(report, "journeys.json"), said(report, "personas.json")
    for found, kind in ((journey, Journeys), (people, Personas)):
        typed = msgspec.convert(found, kind)
        assert msgspec.to_builtins(typed) == found  # nothing is left out of the description
    assert journey["accounts"] == people["accounts"] == report.accounts
    assert journey["as_of"] == people["as_of"] == f"{report.as_of:%Y-%m-%d}"


def test_every_horizon_was_over_and_none_overlaps_another(scored: Settings, report: ScoreReport) -> None:
    days = [datetime.fromisoformat(day) for day in said(report, "journeys.json")["observed_as_ofs"]]
    horizon = timedelta(days=report.headline)
    assert 1 < len(days) <= MOST_FOLLOWED
    assert days[-1] + horizon + timedelta(days=scored.churn.grace_days) <= report.as_of
    assert all(later - earlier >= horizon for earlier, later in pairwise(days))


def test_the_accounts_in_a_touchpoint_are_counted_from_the_published_features(report: ScoreReport) -> None:
    rows = pq.read_table(report.folder / "features.parquet")
    points = {point["name"]: point for point in said(report, "journeys.json")["touchpoints"]}
    assert points["sign_up"]["accounts"] == int((numbers(rows, "tenure_days") <= 60).sum()) > 0
    failed, overdue = numbers(rows, "failed_payments_30") >= 1, numbers(rows, "invoices_overdue") >= 1
    billed = ~np.isnan(numbers(rows, "failed_payment_share_90"))
    assert points["billing"]["in_trouble"] == int((billed & (failed | overdue)).sum()) > 0
    value = points["billing"]["value"]
    assert value["trouble"]["accounts"] + value["others"]["accounts"] == points["billing"]["accounts"]


def test_those_who_left_are_counted_from_the_subscriptions(scored: Settings, report: ScoreReport) -> None:
    """Whoever visited and was in trouble or not: everybody of the touchpoint who left, whether or not of whom."""
    tables = load_tables(scored, NOW)
    found = said(report, "journeys.json")
    use = next(point for point in found["touchpoints"] if point["name"] == "use")["churn"]
    left = use["trouble"]["left"] + use["others"]["left"]
    periods = pq.read_table(tables.path("subscriptions")).to_pylist()
    ended = 0
    for day in map(datetime.fromisoformat, found["observed_as_ofs"]):
        before = {p["account_id"] for p in periods if p["mrr"] > 0 and p["started_at"] < day <= (p["ended_at"] or NOW)}
        after = day + timedelta(days=90)
        later = {p["account_id"] for p in periods if p["mrr"] > 0 and (p["ended_at"] or NOW) >= after}
        ended += len(before - later)
    assert 0 < left <= ended


def test_the_planted_relation_of_use_shows_in_the_right_direction_and_excludes_0(every_month: Observed) -> None:
    """In the simulation the hazard falls with engagement, which the use of features shows."""
    found = _without_use(every_month)
    assert found.raw is not None and 0 < found.raw.low < found.raw.value
    assert found.like is not None and 0 < found.like.low < found.like.value


def test_of_shuffled_outcomes_the_interval_covers_0(every_month: Observed) -> None:
    covered = []
    for seed in range(10):
        churned = np.random.default_rng([seed, 1]).permutation(every_month.churned)
        found = _without_use(replace(every_month, churned=churned))
        covered.append(found.raw is None or found.raw.low <= 0 <= found.raw.high)
    assert sum(covered) >= 8


def _without_use(seen: Observed) -> Compared:
    without = numbers(seen.rows, "features_used_30") == 0
    return compare(seen, without, ~without)


def test_the_same_rows_give_the_same_journeys_and_personas(copied: Settings, report: ScoreReport) -> None:
    again = score(copied, NOW + timedelta(minutes=1))
    for name in ("journeys.json", "personas.json"):
        assert said(again, name) == said(report, name)


def test_a_list_of_a_past_day_knows_nothing_of_what_came_after_it(copied: Settings, report: ScoreReport) -> None:
    past = score(copied, NOW, as_of=datetime(2023, 12, 1))
    days = said(past, "journeys.json")["observed_as_ofs"]
    assert days and max(days) < "2023-08-04"  # 90 days of horizon and 30 of grace earlier


def test_where_rows_do_not_reach_back_the_list_is_published_and_says_that_data_are_missing(copied: Settings) -> None:
    young = score(copied, NOW, as_of=datetime(2023, 6, 1))
    journey, people = said(young, "journeys.json"), said(young, "personas.json")
    assert journey["observed_as_ofs"] == [] and "too late for a month start" in journey["why_not"]
    churn = [point["churn"]["why_not"] for point in journey["touchpoints"] if point["churn"]]
    assert churn and all(why.startswith("not enough data: the rows begin on 2023-01-01") for why in churn)
    assert people["churn_why_not"].startswith("not enough data")
    assert young.accounts > 0


def test_nothing_is_followed_where_a_table_shows_only_the_present(scored: Settings) -> None:
    tables, until = load_tables(scored, NOW), datetime(2024, 7, 1)
    assert followed_as_ofs(scored, tables, until, 90)
    present = scored.model_copy(update={"data": scored.data.model_copy(update={"present_only": ("subscriptions",)})})
    assert followed_as_ofs(present, tables, until, 90) == ()


def test_the_service_answers_what_the_job_published(scored: Settings, report: ScoreReport) -> None:
    published = ScoresReader(scored.store_path()).latest()
    assert published.journeys == said(report, "journeys.json")
    assert published.personas == said(report, "personas.json")
