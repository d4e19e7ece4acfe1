"""The published list: it adds up, it says why, and it is there whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.trained_world import NOW
from undertow.features.errors import ModelRefusal, TimeError
from undertow.features.publishing.unfinished import WRITING
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.serving.jobs.reasons import how_reasons_are_made
from undertow.serving.jobs.score import ScoreReport, score
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.scores import PublishedScores
from undertow.training.bundle.bundle import Bundle

ROOT = Path(__file__).parents[3]
ONE_SCORE = "from undertow.serving.cli.commands import app; app()"
MANY_SCORES = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from undertow.features.settings import load_settings
from undertow.serving.jobs.score import score
settings = load_settings(Path(sys.argv[1]))
while True:
    score(settings, datetime.now(UTC).replace(tzinfo=None))
"""


def manifest(report: ScoreReport) -> dict[str, object]:
    read: dict[str, object] = json.loads((report.folder / "manifest.json").read_text(encoding="utf-8"))
    return read


# --- what is published -------------------------------------------------------------------------


def test_the_published_model_and_features_give_the_published_scores(report: ScoreReport, table: pa.Table) -> None:
    bundle = Bundle.load(report.folder / "bundle")
    rows = pq.read_table(report.folder / "features.parquet")
    again = dict(zip(rows["account_id"].to_pylist(), bundle.probability(rows)[:, 2].tolist(), strict=True))
    assert dict(zip(table["account_id"].to_pylist(), table["p_90"].to_pylist(), strict=True)) == again


def test_the_manifest_and_the_drivers_speak_of_the_same_run(report: ScoreReport) -> None:
    told = manifest(report)
    assert (told["run_id"], told["accounts"], told["headline"]) == (report.run_id, report.accounts, 90)
    assert report.folder.name == report.run_id
    assert told["reasons"] == how_reasons_are_made(Bundle.load(report.folder / "bundle"))
    assert told["reasons"] in report.notes
    drivers = json.loads((report.folder / "drivers.json").read_text(encoding="utf-8"))
    assert (drivers["as_of"], drivers["accounts"], drivers["horizon"]) == (told["as_of"], told["accounts"], 90)


def test_the_report_is_plain_json(report: ScoreReport) -> None:
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert (told["as_of"], told["folder"]) == ("2024-07-01", str(report.folder))
    assert (told["published"], told["published_as_of"]) == (True, "2024-07-01")


# --- when, and for whom ------------------------------------------------------------------------


def test_a_list_of_a_past_day_is_written_beside_the_newer_one_which_stays(
    copied: Settings, report: ScoreReport, table: pa.Table
) -> None:
    found = score(copied, NOW, datetime(2024, 2, 1))
    assert (found.published, found.published_as_of) == (False, "2024-07-01")
    assert ScoresReader(copied.store_path()).latest().manifest["run_id"] == report.run_id
    beside = PublishedScores.open(found.folder)
    assert_whole(beside, found.accounts)
    assert set(beside.table["as_of"].to_pylist()) == {datetime(2024, 2, 1)}
    assert set(beside.table["account_id"].to_pylist()) != set(table["account_id"].to_pylist())


def test_a_list_of_a_past_day_replaces_the_newer_one_where_that_is_asked(copied: Settings) -> None:
    found = score(copied, NOW, datetime(2024, 2, 1), replace_newer=True)
    assert (found.published, found.published_as_of) == (True, "2024-02-01")
    assert ScoresReader(copied.store_path()).latest().folder == found.folder


def test_a_list_of_the_same_or_a_later_day_is_published(copied: Settings) -> None:
    score(copied, NOW, datetime(2024, 2, 1), replace_newer=True)
    for day in (datetime(2024, 2, 1), datetime(2024, 3, 1)):
        found = score(copied, NOW + timedelta(hours=1), day)
        assert found.published and ScoresReader(copied.store_path()).latest().folder == found.folder


def test_however_many_past_days_are_scored_the_published_list_stays(copied: Settings, report: ScoreReport) -> None:
    for hour in range(4):
        score(copied, NOW + timedelta(hours=hour), datetime(2024, 2, 1))
    assert_whole(ScoresReader(copied.store_path()).latest(), report.accounts)
    assert len([path for path in copied.store_path("scores").iterdir() if path.is_dir()]) == 4


def test_a_published_list_without_a_manifest_is_replaced(copied: Settings, report: ScoreReport) -> None:
    (copied.store_path("scores") / report.run_id / "manifest.json").unlink()
    assert score(copied, NOW, datetime(2024, 2, 1)).published


def test_the_run_says_what_each_feature_is_and_which_model_made_it(report: ScoreReport) -> None:
    published = PublishedScores.open(report.folder)
    described = {each["name"]: each for each in published.described["features"]}
    assert described["nps_latest"]["null_means"] != "unknown" and described["nps_latest"]["unit"] == "score"
    assert described["mrr"]["required"] and described["mrr"]["unit_means"].startswith("money a month")
    assert described["plan"]["type"] == "text" and described["plan"]["known_texts"]
    assert {name for name, each in described.items() if each["required"]} == set(published.bundle.needed)
    assert (published.model["version"], published.model["aliases"]) == (1, ["champion"])
    assert published.model["model_card"].startswith("# Model card")


def test_a_day_the_model_has_learned_from_is_said_to_be_no_forecast(copied: Settings) -> None:
    found = score(copied, NOW, datetime(2023, 8, 1))
    assert [note for note in found.notes if note.endswith("so this list is no forecast.")]
    assert not [note for note in found.notes if "days before this as_of" in note]


def test_a_day_after_the_rows_end_is_refused(copied: Settings) -> None:
    with pytest.raises(TimeError, match=r"as_of 2025-01-01 lies after the rows end \(2024-07-01\)"):
        score(copied, NOW, datetime(2025, 1, 1))


def test_where_nobody_is_at_risk_nothing_is_published(copied: Settings, report: ScoreReport) -> None:
    free = change(copied, "subscriptions", "SELECT * REPLACE (0.0 AS mrr) FROM subscriptions")
    with pytest.raises(ModelRefusal, match="Nobody is at risk at 2024-07-01: no account has MRR above 0 then"):
        score(free, NOW)
    assert ScoresReader(copied.store_path()).latest().manifest["run_id"] == report.run_id


def test_a_segment_never_seen_in_training_is_scored_and_noted(copied: Settings, report: ScoreReport) -> None:
    martian = change(copied, "accounts", "SELECT * REPLACE ('martian' AS segment) FROM accounts")
    found = score(martian, NOW)
    assert f"{found.accounts} accounts have a segment that training never saw; it is read as unknown." in found.notes
    published = ScoresReader(copied.store_path()).latest().table
    assert set(published["segment"].to_pylist()) == {"martian"}
    assert (found.accounts, published["p_90"].null_count) == (report.accounts, 0)


def change(settings: Settings, table: str, select: str) -> Settings:
    file = settings.folder / FILE_NAME
    written = file.read_text(encoding="utf-8")
    assert "[tables]\n" in written
    file.write_text(written.replace("[tables]\n", f'[tables]\n{table} = "{select}"\n'), encoding="utf-8")
    return load_settings(settings.folder)


# --- whole or not at all -----------------------------------------------------------------------


def started(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=quiet, stderr=quiet)


def killed_while_writing(process: subprocess.Popen[bytes], scores: Path) -> bool:
    """Kill a process as soon as it writes; false where it ended before."""
    while process.poll() is None:
        if any(scores.glob(f"{WRITING}*")):
            process.kill()
            process.wait()
            return True
        time.sleep(0.001)
    return False


def assert_whole(published: PublishedScores, accounts: int) -> None:
    assert published.table.num_rows == accounts == published.manifest["accounts"]
    assert published.folder.name == published.manifest["run_id"]
    assert published.drivers["accounts"] == accounts


def test_a_scoring_run_that_is_killed_leaves_the_old_list(copied: Settings, report: ScoreReport) -> None:
    scores = copied.store_path("scores")
    left: list[Path] = []
    while not left:  # it may have come to its end between the look and the kill
        process = started(ONE_SCORE, "score", "--project", str(copied.folder))
        assert killed_while_writing(process, scores), "it ended without having written"
        left = list(scores.glob(f"{WRITING}*"))
    published = ScoresReader(copied.store_path()).latest()
    assert_whole(published, report.accounts)
    after = score(copied, NOW + timedelta(hours=1))
    assert not list(scores.glob(f"{WRITING}*"))
    assert ScoresReader(copied.store_path()).latest().folder == after.folder


def test_readers_see_whole_lists_while_others_publish_and_are_killed(copied: Settings, report: ScoreReport) -> None:
    """Scores are published again and again; at some moment, whatever it is doing, the writer is killed."""
    reader, seen = ScoresReader(copied.store_path()), set[str]()
    process = started(MANY_SCORES, str(copied.folder))
    try:
        while len(seen) < 4 and process.poll() is None:
            published = reader.latest()
            assert_whole(published, report.accounts)
            seen.add(published.folder.name)
        assert process.poll() is None, "the writer ended by itself"
        time.sleep(float(np.random.default_rng().uniform(0, 0.5)))
    finally:
        process.kill()
        process.wait()
    assert_whole(ScoresReader(copied.store_path()).latest(), report.accounts)
    score(copied, NOW)
    assert not list(copied.store_path("scores").glob(f"{WRITING}*"))
    assert len([path for path in copied.store_path("scores").iterdir() if path.is_dir()]) <= 3
