"""A file of feature rows, from training to the list, the reasons and the API, on the simulated business.

The rows are those that Undertow computes itself, so that both ways can be compared.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from tests.examples_of_world import examples_section, make_project, rows_of_world
from tests.serving.client import Client
from tests.trained_world import NOW
from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import Catalogue
from undertow.features.catalogue.given import OUR_COLUMNS
from undertow.features.errors import ModelRefusal, TimeError
from undertow.features.settings import Settings, load_settings
from undertow.features.sources.load import load_tables
from undertow.serving.api.app import make_app
from undertow.serving.jobs.bulk import score_in_bulk
from undertow.serving.jobs.score import ScoreReport, score
from undertow.serving.published.reader import ScoresReader
from undertow.training.evaluation.report import TrainReport
from undertow.training.examples.training_data import TrainingData, training_data
from undertow.training.fit.fit import fit_bundle, training_set
from undertow.training.train import train

SMALLEST = "[training]\ntrees = 10\nseeds = 1\nbootstrap = 20\nhorizons = [30, 90]\n[engine]\nthreads = 1\n"
FEW = ("error_share_usual", "tickets_lately_against_usual", "visits_lately_against_usual", "plan", *OUR_COLUMNS)
LATE = """
[examples.sentences]
late_deliveries = "Deliveries that came late"
[examples.good]
late_deliveries = "low"
[examples.units]
late_deliveries = "count"
"""


def _of_few_columns(world: Settings) -> tuple[pa.Table, list[Column]]:
    """Return the rows of a world and the columns that are features: few of them, to save time."""
    rows, columns = rows_of_world(world, NOW)
    kept = [column for column in columns if column.name in FEW]
    return rows.drop_columns([column.name for column in columns if column not in kept]), kept


OfWorld = tuple[pa.Table, str]  # rows, and the section [examples]


@pytest.fixture(scope="module")
def of_world(scored: Settings, tmp_path_factory: pytest.TempPathFactory) -> OfWorld:
    """The simulated business, with deliveries that came late for 6 of 10 leavers and for 2 of 10 others."""
    folder = tmp_path_factory.mktemp("copy") / "world"
    shutil.copytree(scored.folder, folder)
    rows, columns = _of_few_columns(load_settings(folder))
    late = np.random.default_rng(0).random(rows.num_rows) < np.where(_leaves(rows), 0.6, 0.2)
    section = examples_section(columns).replace('cx = [', 'cx = ["late_deliveries", ')
    for each in LATE.split("[")[1:]:
        section = section.replace(f"[{each.splitlines()[0]}", f"[{each.strip()}")
    return rows.append_column("late_deliveries", pa.array(2.0 * late)), section


def _leaves(rows: pa.Table) -> np.ndarray:
    """Return whether each account was seen to leave within 90 days, bool, (n,)."""
    return np.nan_to_num(rows["churn_days"].to_numpy(zero_copy_only=False), nan=999.0) < 90


Given = tuple[Settings, Path, TrainReport, ScoreReport]


@pytest.fixture(scope="module")
def given(of_world: OfWorld, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """A project of nothing but a file, trained and scored; to be read only."""
    settings, file = make_project(tmp_path_factory.mktemp("given"), *of_world, SMALLEST)
    report = train(settings, NOW, examples=file)
    return settings, file, report, score(settings, NOW, examples=file)


def test_the_list_the_reasons_and_the_api_work_from_a_file(given: Given) -> None:
    settings, _, trained, scored = given
    assert trained.verdict.promoted and scored.published and scored.value_at_risk
    client = Client(make_app(settings.store_path()))
    listed = client.get("/v1/at-risk?limit=300").json()["accounts"]
    assert len(listed) == scored.accounts and listed[0]["name"] and listed[0]["owner"]
    assert listed == sorted(listed, key=lambda account: -account["contact"]["value"])
    said = {evidence["said"] for account in listed for reason in account["reasons"] for evidence in reason["evidence"]}
    assert "deliveries that came late: 2; typical for accounts like it 0" in said
    account_id = listed[0]["account_id"]
    answered = client.post("/v1/score", json={"account_ids": [account_id]}).json()["results"][0]
    assert answered["probability"] == listed[0]["probability"]
    assert listed[0]["name"] in client.get(f"/accounts/{account_id}").text
    assert any(account["changed"] for account in listed)  # the file has rows of 30 days before


def test_what_a_file_does_not_say_is_said(given: Given) -> None:
    _, file, report, _ = given
    said = "\n".join(report.notes)
    assert f"come from {file.name} and were computed elsewhere" in said
    assert "growth of MRR is taken as 0, and values have no interval and are not judged" in said
    assert not report.values


def test_what_followed_is_not_known_of_a_file_that_is_scored_and_journeys_say_so(given: Given) -> None:
    published = ScoresReader(given[0].store_path()).latest()
    assert published.journeys["why_not"] == "a file of feature rows to be scored states no outcomes"
    renewal = next(point for point in published.journeys["touchpoints"] if point["name"] == "renewal")
    assert renewal["accounts"] > 0 and renewal["churn"]["why_not"].startswith("not enough data: a file")
    assert published.personas["why_not"].startswith("not enough data: fewer than 4 measures")
    months = published.drivers_by_month
    assert months["why_not"] == "a file of feature rows is scored as of one day: earlier months are not known"
    late = next(each for each in months["measures"] if each["feature"] == "late_deliveries")
    assert late["family"] == "cx" and late["bins"][0]["mean"] < late["bins"][-1]["mean"]


def test_probabilities_in_bulk_come_from_a_file_too(given: Given) -> None:
    settings, file, _, scored = given
    assert score_in_bulk(settings, NOW, examples=file).accounts == scored.accounts


def test_a_day_without_rows_cannot_be_scored(given: Given) -> None:
    settings, file, _, scored = given
    with pytest.raises(TimeError, match=r"no rows of 2024-06-15; it has \d+ as_ofs"):
        score(settings, NOW, scored.as_of.replace(month=6, day=15), examples=file)


def test_a_model_of_a_file_does_not_score_tables_nor_the_other_way_round(given: Given, scored: Settings) -> None:
    settings, file, _, _ = given
    with pytest.raises(ModelRefusal, match=r"trained on a file of feature rows .*`undertow score --examples FILE`"):
        score(settings, NOW)
    with pytest.raises(ModelRefusal, match=r"trained on the project's tables.* without --examples"):
        score(scored, NOW, examples=file)


def test_csv_and_parquet_give_the_same_bundle(given: Given, of_world: OfWorld, tmp_path: Path) -> None:
    """What a bundle is made of is equal; training is deterministic."""
    settings, file, _, _ = given
    rows = of_world[0].set_column(1, "as_of", of_world[0]["as_of"].cast(pa.date32()))
    pa_csv.write_csv(rows, tmp_path / "rows.csv")
    parquet, of_csv = (training_data(settings, NOW, each) for each in (file, tmp_path / "rows.csv"))
    assert parquet.tables.fingerprint == of_csv.tables.fingerprint and parquet.dates == of_csv.dates
    assert parquet.features.read().equals(of_csv.features.read())
    assert parquet.features.catalogue.id == of_csv.features.catalogue.id


def test_an_outcome_among_the_features_is_found_and_the_model_is_no_champion(
    given: Given, of_world: OfWorld, tmp_path: Path
) -> None:
    rows, section = of_world
    shutil.copytree(given[0].folder, tmp_path / "leaking")
    leaking = rows.append_column("closing_talks", pa.array(_leaves(rows).astype(float)))
    section = section.replace("ux = [", 'ux = ["closing_talks", ')
    settings, file = make_project(tmp_path / "leaking", leaking, section, SMALLEST)
    report = train(settings, NOW, examples=file)
    assert not report.verdict.promoted
    assert {each.culprit for each in report.findings if each.severity == "failure"} == {"closing_talks"}


def test_the_same_rows_give_the_same_model_wherever_they_come_from(
    copied: Settings, tmp_path: Path
) -> None:
    """But for neutral ends, which a file does not state: every end is churn, and merged accounts are left out."""
    every_end = copied.churn.model_copy(update={"neutral_reasons": ()})
    rows, columns = _of_few_columns(copied.model_copy(update={"churn": every_end}))
    merged = pq.read_table(load_tables(copied, NOW).path("merges"))["account_id"].to_pylist()
    others = " AND ".join(f"account_id <> '{account_id}'" for account_id in merged)
    alike = f'{SMALLEST}[snapshots]\ntrain_where = "{others}"\ntest_where = "{others}"\n'
    settings, file = make_project(tmp_path / "same", rows, examples_section(columns), alike)
    parts = {name: getattr(settings, name) for name in ("training", "engine", "snapshots")}
    world = copied.model_copy(update=parts | {"churn": every_end})
    of_file, of_tables = training_data(settings, NOW, file), training_data(world, NOW)
    assert of_file.dates == of_tables.dates
    found, expected = _held_out(of_file), _held_out(_with_columns_of(of_tables, of_file))
    assert found["account_id"] == expected["account_id"]
    assert np.allclose(found["p"], expected["p"], atol=1e-12)


def _with_columns_of(data: TrainingData, other: TrainingData) -> TrainingData:
    """Return the data with the columns of the other, in its order, each as a card of its own."""
    by_name = {column.name: column for column in data.features.catalogue.columns}
    wanted = [by_name[column.name] for column in other.features.catalogue.columns]
    cards = tuple(
        replace(column.feature, windows=(column.window,) if column.window else (), trend=None, own=None, peers=None,
                change=None) for column in wanted
    )  # fmt: skip
    return replace(data, features=replace(data.features, catalogue=Catalogue(cards, {})))


def _held_out(data: TrainingData) -> dict[str, Any]:
    learned = training_set(data.settings, data.tables, data.features, data.dates, data.seen)
    bundle, _ = fit_bundle(data.settings, "EUR", learned, "", lambda what, share: None)
    rows = learned.held_out.rows
    return {"account_id": rows["account_id"].to_pylist(), "p": bundle.probability(rows)}
