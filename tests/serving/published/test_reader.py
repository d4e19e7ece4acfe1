"""Which publication a reader answers from: the newest one that can be read."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.serving.published_by_hand import People
from undertow.features.errors import NothingPublished, Unreadable
from undertow.serving.published import reader as reading
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.run_files import checksums

Publish = Callable[..., Path]


def test_nothing_published_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="Run `undertow score` in the project"):
        ScoresReader(tmp_path).latest()


def test_a_reader_follows_the_pointer(tmp_path: Path, publish_scores: Callable[..., Path], people: People) -> None:
    reader = ScoresReader(tmp_path)
    publish_scores(tmp_path, "run-1", people[:2])
    first = reader.latest()
    assert reader.is_fresh() and reader.latest() is first
    publish_scores(tmp_path, "run-2")
    assert not reader.is_fresh()
    assert reader.latest().table.num_rows == 6
    assert first.table.num_rows == 2  # who holds the old one keeps the whole of it


def test_a_run_published_again_under_its_name_is_read_again(
    tmp_path: Path, publish_scores: Callable[..., Path], people: People
) -> None:
    reader = ScoresReader(tmp_path)
    publish_scores(tmp_path, "run-1", people[:2])
    reader.latest()
    publish_scores(tmp_path, "run-1", people[:3])
    assert reader.latest().table.num_rows == 3


# --- a publication that cannot be read ---


def _truncate(run: Path) -> None:
    file = run / "scores.parquet"
    file.write_bytes(file.read_bytes()[:-40])


def _flip_a_byte(run: Path) -> None:
    file = run / "scores.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _older_release(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "format": 0}))


def _changed_manifest(run: Path) -> None:
    text = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(text.replace('"as_of": "2025-01-31"', '"as_of": "2025-01-30"'))


def _shorten_the_seal(run: Path) -> None:
    seal = run / "manifest.json.sha256"
    seal.write_bytes(seal.read_bytes()[:-1])


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pointer missing": (lambda run: (run.parent / "CURRENT").unlink(), "Nothing is published yet"),
    "pointer empty": (lambda run: (run.parent / "CURRENT").write_text(""), "CURRENT names no list"),
    "pointer not UTF-8": (lambda run: (run.parent / "CURRENT").write_bytes(b"\xff\xfe\xff"), "CURRENT names no list"),
    "pointer leads elsewhere": (lambda run: (run.parent / "CURRENT").write_text("../../.."), "CURRENT names no list"),
    "pointer to nothing": (lambda run: (run.parent / "CURRENT").write_text("run-9"), "CURRENT names no list"),
    "folder removed": (lambda run: shutil.rmtree(run.parent), "Nothing is published yet"),
    "table truncated": (_truncate, "scores.parquet is not as it was written"),
    "one bit of the table": (_flip_a_byte, "scores.parquet is not as it was written"),
    "table missing": (lambda run: (run / "scores.parquet").unlink(), "scores.parquet is missing"),
    "manifest empty": (lambda run: (run / "manifest.json").write_text(""), "manifest.json is not as it was written"),
    "manifest not UTF-8": (lambda run: (run / "manifest.json").write_bytes(b"\xff"), "manifest.json is not as it"),
    "manifest no object": (lambda run: (run / "manifest.json").write_text("[]"), "does not hold an object"),
    "manifest changed": (_changed_manifest, "manifest.json is not as it was written"),
    "manifest missing": (lambda run: (run / "manifest.json").unlink(), "manifest.json is missing"),
    "seal missing": (lambda run: (run / "manifest.json.sha256").unlink(), "manifest.json is not as it was written"),
    "seal shortened": (_shorten_the_seal, "manifest.json is not as it was written"),
    "another release": (_older_release, "format 0, this release reads 1. Run `undertow score` again"),
    "model missing": (lambda run: shutil.rmtree(run / "bundle"), "is missing"),
    "model damaged": (lambda run: (run / "bundle" / "bundle.json").write_text("{}"), "bundle.json is not as it was"),
    "drivers missing": (lambda run: (run / "drivers.json").unlink(), "drivers.json is missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_newer_list_that_cannot_be_read_leaves_the_one_before(
    tmp_path: Path, publish_scores: Publish, people: People, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader, (break_it, said) = ScoresReader(tmp_path), FAULTS[fault]
    publish_scores(tmp_path, "run-1", people[:2])
    before = reader.latest()
    break_it(publish_scores(tmp_path, "run-2"))
    for _ in range(3):
        assert reader.latest() is before
    assert reader.failure is not None and said in reader.failure
    assert (reader.reloads.read, reader.reloads.failed) == (1, 1)
    assert len([record for record in caplog.records if "run-1 stays" in record.message]) == 1
    publish_scores(tmp_path, "run-3", people[:3])
    assert (reader.latest().folder.name, reader.failure) == ("run-3", None)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("pointer missing", "folder removed")])
def test_where_none_is_held_the_first_is_refused_with_its_fault(
    tmp_path: Path, publish_scores: Publish, fault: str
) -> None:
    break_it, said = FAULTS[fault]
    break_it(publish_scores(tmp_path))
    with pytest.raises(Unreadable, match=said):
        ScoresReader(tmp_path).latest()


def test_a_model_that_scores_otherwise_than_was_published_is_refused(
    tmp_path: Path, publish_scores: Publish, people: People
) -> None:
    """All checksums are right, as where the wrong model was written."""
    reader = ScoresReader(tmp_path)
    publish_scores(tmp_path, "run-1", people[:2])
    before = reader.latest()
    run = publish_scores(tmp_path, "run-2")
    features = pq.read_table(run / "features.parquet")
    doubled = [None if value is None else 2 * value for value in features["error_rate_30"].to_pylist()]
    changed = features.set_column(features.column_names.index("error_rate_30"), "error_rate_30", [doubled])
    pq.write_table(changed, run / "features.parquet")
    _seal_again(run)
    assert reader.latest() is before
    assert reader.failure is not None and "another score than was published" in reader.failure


def _seal_again(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "files": checksums(run)}))
    done = subprocess.run(["sha256sum", "manifest.json"], cwd=run, capture_output=True, text=True, check=True)
    (run / "manifest.json.sha256").write_text(done.stdout)


def test_a_list_that_could_not_be_read_is_tried_again_after_a_while(
    tmp_path: Path, publish_scores: Publish, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ScoresReader(tmp_path)
    publish_scores(tmp_path, "run-1", people[:2])
    reader.latest()
    run = publish_scores(tmp_path, "run-2")
    (run / "drivers.json").rename(tmp_path / "away")
    reader.latest()
    (tmp_path / "away").rename(run / "drivers.json")
    assert (reader.latest().folder.name, reader.is_fresh()) == ("run-1", True)
    monkeypatch.setattr(reading, "RETRY", 0.0)
    assert not reader.is_fresh()
    assert (reader.latest().folder.name, reader.failure) == ("run-2", None)


def test_a_list_answers_before_its_model_and_is_ready_after_it(tmp_path: Path, publish_scores: Publish) -> None:
    run = publish_scores(tmp_path)
    reader = ScoresReader(tmp_path)
    assert reader.latest().account("zero").account_id == "zero"
    shutil.rmtree(run / "bundle")
    with pytest.raises(Unreadable, match="Its model cannot be read"):
        reader.prove()


def test_many_threads_read_a_publication_once(tmp_path: Path, publish_scores: Callable[..., Path]) -> None:
    publish_scores(tmp_path)
    reader, found = ScoresReader(tmp_path), []
    threads = [threading.Thread(target=lambda: found.append(reader.latest())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len({id(each) for each in found}) == 1
