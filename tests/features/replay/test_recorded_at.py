"""Which sources say when their rows were recorded, and which of them disagree with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.features.replay.small_record import NOW, Project, Row
from undertow.features.build.feature_table import FeatureTable
from undertow.features.engines.duckdb import open_duckdb
from undertow.features.replay.recorded_at import Recording, recording_findings, recordings
from undertow.features.replay.replay import Finding
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables
from undertow.features.tables import TABLES


def recordings_of(settings: Settings, tables: Tables) -> list[Recording]:
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        return recordings(connection, tables)


def findings_of(settings: Settings, tables: Tables) -> list[Finding]:
    with open_duckdb(settings.engine, settings.store_path("spill")) as connection:
        return recording_findings(connection, tables, recordings(connection, tables))


def test_a_source_that_does_not_say_when_rows_were_written_is_warned_of(
    built: tuple[Settings, Tables, FeatureTable],
) -> None:
    settings, tables, _ = built
    shares = {(one.table, one.by): one.share for one in recordings_of(settings, tables)}
    assert shares["accounts", None] == shares["tickets", "recorded_at"] == 1.0
    assert shares["subscriptions", "end_recorded_at"] == 0.5
    [found] = findings_of(settings, tables)
    assert found.severity == "warning"
    assert "tickets" in found.culprit
    assert "not the systems that wrote them" in found.text


def test_a_source_that_says_it_is_not_warned_of(project: Project, files: dict[str, list[Row]]) -> None:
    files["tickets.csv"][0] = {**files["tickets.csv"][0], "recorded_at": "2024-01-21"}  # type: ignore[index]
    settings = project(files)
    [found] = findings_of(settings, load_tables(settings, NOW))
    assert "tickets" not in found.culprit


def test_a_time_without_a_rule_after_its_row_was_recorded_fails(
    project: Project, files: dict[str, list[Row]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = TABLES["tickets"]
    columns = tuple(
        replace(one, known_from=None, planned=True) if one.name == "resolved_at" else one for one in tickets.columns
    )
    settings = project(files)
    tables = load_tables(settings, NOW)
    monkeypatch.setitem(TABLES, "tickets", replace(tickets, columns=columns))
    found = [one for one in findings_of(settings, tables) if one.severity == "failure"]
    assert [one.culprit for one in found] == ["tickets.resolved_at"]
    assert "2 rows hold a time after they were recorded" in found[0].text


def test_a_rule_that_was_changed_upstream_is_noted(project: Project, files: dict[str, list[Row]]) -> None:
    rage = [
        {"account_id": "ada", "occurred_at": f"2024-0{month}-10", "kind": "rage_click", "definition": version}
        for month, version in ((3, "3 clicks"), (4, "3 clicks"), (5, "4 clicks"))
    ]
    settings = project({**files, "events.csv": [*files["events.csv"], *rage]})
    [found] = [one for one in findings_of(settings, load_tables(settings, NOW)) if one.severity == "note"]
    assert found.culprit == "events of the kind rage_click"
    assert "3 clicks from 2024-03-10, 4 clicks from 2024-05-10" in found.text
