"""An older export compared with the tables of today: back-dated rows, overwritten values, deleted accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.features.replay.small_record import AS_OFS, CARDS, NOW, GivenFeatures, Project, Row, ticket
from undertow.features.build.feature_table import FeatureTable, build_features
from undertow.features.catalogue.choose import Catalogue
from undertow.features.engines.duckdb import open_duckdb
from undertow.features.errors import SourceError
from undertow.features.replay.older_export import (
    OlderRecord,
    against,
    changed_rows,
    exported_record,
    kept_records,
    moved_files,
    older_findings,
)
from undertow.features.replay.replay import compare, temporary_store
from undertow.features.settings import Settings
from undertow.features.settings.source_files import SourceFiles
from undertow.features.sources.load import load_tables, selects_id


def write_older(settings: Settings, files: Mapping[str, Sequence[Row]], project: Project, folder: Path) -> Path:
    """Write the files as they were exported earlier, beside the project."""
    folder.mkdir()
    project(files)
    for name in files:
        (settings.folder / name).rename(folder / name)
    return folder


def test_an_older_export_that_agrees_is_all_equal(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    then = {**files, "tickets.csv": [ticket("ada", 1, "2024-01-20"), files["tickets.csv"][1]]}
    found, said = _compare_with(project, files, then, tmp_path)
    assert found.as_ofs == tuple(AS_OFS[:2])
    assert (found.differing, said) == ((), ())


def test_a_ticket_that_was_back_dated_is_named(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    now = {**files, "tickets.csv": [*files["tickets.csv"], ticket("bo", 3, "2024-02-20")]}
    _, [said] = _compare_with(project, now, files, tmp_path)
    assert (said.severity, said.culprit) == ("failure", "tickets")
    assert "1 row, such as t3: each is missing in the older record although its times are earlier" in said.text


def test_a_segment_that_was_overwritten_is_named(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    accounts = [{**row, "segment": "gone"} if row["account_id"] == "bo" else row for row in files["accounts.csv"]]
    _, [said] = _compare_with(project, {**files, "accounts.csv": accounts}, files, tmp_path)
    assert said.culprit == "accounts.segment"
    assert "bo at 2024-02-01: small then, gone now" in said.text


def test_a_list_price_that_was_back_dated_is_among_the_changed_rows(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    """The table belongs to no account; the price of February has been in it only since March."""
    then: dict[str, list[Row]] = {
        **files,
        "list_prices.csv": [{"plan": "pro", "valid_from": "2024-01-01", "price": 20}],
    }
    later: Row = {"plan": "pro", "valid_from": "2024-02-10", "price": 22}
    settings = project({**then, "list_prices.csv": [*then["list_prices.csv"], later]})
    tables = load_tables(settings, NOW)
    folder = write_older(settings, then, project, tmp_path / "older")
    with temporary_store(settings) as elsewhere:
        older = exported_record(settings, elsewhere, folder, tables, NOW)
        with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
            changed = changed_rows(connection, tables, older)
    [back_dated] = changed["list_prices"]
    assert back_dated.startswith("1 row, such as pro 2024-02-10 00:00:00: each is missing in the older record")


def test_an_event_without_a_key_of_its_own_is_compared_whole(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    note = {"account_id": "di", "occurred_at": "2024-02-20 10:00:00", "kind": "error", "session_id": "9"}
    _, [said] = _compare_with(project, {**files, "events.csv": [note, *files["events.csv"]]}, files, tmp_path)
    assert said.culprit == "events"
    assert "1 row, such as di: each is in the newest record only" in said.text


def test_whoever_was_deleted_since_is_missed(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    kept = {name: [row for row in rows if row["account_id"] != "bo"] for name, rows in files.items()}
    found, said = _compare_with(project, kept, files, tmp_path)
    assert [account for account, _ in found.lost] == ["bo", "bo"]
    assert [one.culprit for one in said] == ["the population"]


def _compare_with(project: Project, now: Mapping, then: Mapping, tmp_path: Path) -> tuple:
    """Compare with an export taken on 2024-03-02: rows before it, and the days when they were known."""
    settings = project(now)
    tables = load_tables(settings, NOW)
    features = build_features(settings, tables, AS_OFS)
    folder = write_older(settings, then, project, tmp_path / "older")
    with temporary_store(settings) as elsewhere:
        older = exported_record(settings, elsewhere, folder, tables, NOW)
        with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
            return against(connection, elsewhere, tables, features, replace(older, until=datetime(2024, 3, 1)))


def test_an_export_covers_the_days_before_the_one_it_was_taken_on(
    project: Project, files: dict[str, list[Row]], tmp_path: Path
) -> None:
    settings = project(files, "[data]\nuntil = 2024-06-20\n")
    tables = load_tables(settings, NOW)
    before = [row for row in files["events.csv"] if str(row["occurred_at"]) < "2024-04"]
    ends = [{**row, "ended_at": "", "end_recorded_at": ""} for row in files["subscriptions.csv"]]
    then = {**files, "events.csv": before, "subscriptions.csv": ends}
    folder = write_older(settings, then, project, tmp_path / "older")
    with temporary_store(settings) as elsewhere:
        older = exported_record(settings, elsewhere, folder, tables, NOW)
        assert older.tables.until == datetime(2024, 3, 29)
        assert older.until == datetime(2024, 3, 28)


def test_an_export_without_a_file_is_refused(project: Project, files: dict[str, list[Row]], tmp_path: Path) -> None:
    settings = project(files)
    tables = load_tables(settings, NOW)
    folder = write_older(settings, {"accounts.csv": files["accounts.csv"]}, project, tmp_path / "older")
    settings = project(files)
    with temporary_store(settings) as elsewhere:
        with pytest.raises(SourceError, match=r"must hold the same files as the project: .*no file at .*older"):
            exported_record(settings, elsewhere, folder, tables, NOW)
        with pytest.raises(SourceError, match=r"--against .*nowhere is not a folder"):
            exported_record(settings, elsewhere, tmp_path / "nowhere", tables, NOW)


def test_files_are_looked_for_below_what_they_have_in_common(project: Project, tmp_path: Path) -> None:
    settings = project({"a.csv": ""})
    days = SourceFiles(path=("data/days/*.csv",), optional=("note",))
    there = settings.model_copy(update={"files": {"a": SourceFiles(path=("data/a.csv",)), "b": days}})
    moved = moved_files(there, tmp_path / "[march]")
    assert {name: entry.path for name, entry in moved.items()} == {
        "a": (f"{tmp_path}/[[]march]/a.csv",), "b": (f"{tmp_path}/[[]march]/days/*.csv",)
    }  # fmt: skip
    assert moved["b"].optional == ("note",)
    alone = settings.model_copy(update={"files": {"a": SourceFiles(path=("data/a.csv",))}})
    assert moved_files(alone, tmp_path / "march") == {"a": SourceFiles(path=(f"{tmp_path}/march/a.csv",))}


def test_what_is_still_kept_from_an_earlier_reading_is_an_older_record(
    project: Project, files: dict[str, list[Row]]
) -> None:
    settings = project({**files, "events.csv": files["events.csv"][:3]})
    first = load_tables(settings, datetime(2024, 4, 20))
    assert kept_records(settings.store_path("tables"), selects_id(settings), first) == []
    second = load_tables(project(files), NOW)
    [kept] = kept_records(settings.store_path("tables"), selects_id(settings), second)
    assert isinstance(kept, OlderRecord)
    assert (kept.tables.folder, kept.until) == (first.folder, first.until)
    assert kept.until < second.until


def test_what_another_release_kept_is_passed_over(project: Project, files: dict[str, list[Row]]) -> None:
    settings = project({**files, "events.csv": files["events.csv"][:3]})
    first = load_tables(settings, datetime(2024, 4, 20))
    second = load_tables(project(files), NOW)
    (first.folder / "summary.json").write_text("{}", encoding="utf-8")
    assert kept_records(settings.store_path("tables"), selects_id(settings), second) == []


def test_a_changed_select_is_not_taken_for_a_back_dated_row() -> None:
    """Where features differ and no row does, the finding says what else it may be."""
    was, is_ = (pa.table({"account_id": ["a"], "as_of": AS_OFS[:1], "calls": [calls]}) for calls in (1.0, 2.0))
    features = GivenFeatures(FeatureTable(Path(), Catalogue((CARDS["calls"],), {}), (AS_OFS[0],)), is_)
    [said] = older_findings(compare("older record", "then", was, features, AS_OFS[:1]), {})
    assert "was the SELECT changed since?" in said.text
