"""Events in many Parquet files: read in batches where memory asks for it, with the result of reading all at once."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.features.sources.events.test_growth import (
    FIRST,
    NOT_AGAIN,
    USUAL,
    Export,
    Row,
    assert_same,
    event,
    said,
)
from undertow.features.engines.duckdb import open_duckdb
from undertow.features.settings import Engine
from undertow.features.sources.events import load_events
from undertow.features.sources.files.read import source_files

AT_ONCE = "all rows were read at once"


def _project(tmp_path: Path, parts: list[list[Row]]) -> Export:
    project = Export(tmp_path / "project", "parquet")
    for rows in parts:
        project.add(rows)
    return project


def _in_batches(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let the default memory limit carry so many rows."""
    monkeypatch.setattr(load_events, "ROWS_PER_GB", rows / (2e9 / 1024**3))


@pytest.mark.parametrize("seed", range(4))
def test_batches_give_the_tables_of_reading_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    events = [event(number, random) for number in range(200)]
    parts = [events[start : start + 40] + random.sample(events[:40], 3) for start in range(0, 200, 40)]
    project = _project(tmp_path, parts)
    at_once = project.read_whole()
    _in_batches(monkeypatch, 90)
    with open_duckdb(Engine(), tmp_path / "spill") as connection:
        batches = load_events.batches_of(connection, source_files(project.settings(), "tracker"))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    read = project.read()
    assert not said(read, AT_ONCE)
    assert_same(read, at_once)
    assert not list(read.folder.glob("events-*"))
    project.add([{**events[0], **USUAL, "event_id": "new"}])
    grown = project.read()
    assert said(grown, NOT_AGAIN)
    assert_same(grown, project.read_whole())


@pytest.mark.parametrize("change", [{"kind": "page_view"}, {"event_id": ""}])
def test_rows_that_concern_those_of_another_batch_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Row
) -> None:
    known = {**USUAL, "event_id": "known"}
    project = _project(tmp_path, [[{**known, **change}], FIRST, [known]])
    at_once = project.read_whole()
    _in_batches(monkeypatch, 81)
    read = project.read()
    assert said(read, AT_ONCE)
    assert_same(read, at_once)


def test_a_first_batch_of_which_nothing_is_kept_is_read_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = _project(tmp_path, [FIRST, [{**USUAL, "event_id": "lost", "account_id": "nobody", "user_id": ""}]])
    at_once = project.read_whole()
    _in_batches(monkeypatch, 80)
    read = project.read()
    assert said(read, AT_ONCE)
    assert_same(read, at_once)
