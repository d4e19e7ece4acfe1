"""The shipped SELECTs on the real exports they were written for: nothing is lost, dirt is counted.

The expected numbers were counted in the files themselves, with pandas.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from undertow.features.build.feature_table import build_features
from undertow.features.connectors import EMPTY, FOLDER, connectors, write_project
from undertow.features.errors import SettingsError, SourceError
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.snapshots.calendar import calendar
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Tables

NOW = datetime(2025, 6, 1)
Loaded = Callable[[str], tuple[Settings, Tables]]


@pytest.fixture(scope="module")
def loaded(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """Return a function that makes a connector's project and reads it, once."""
    known: dict[str, tuple[Settings, Tables]] = {}

    def load(name: str) -> tuple[Settings, Tables]:
        data = shared_data(name)
        if name not in known:
            settings = load_settings(write_project(name, data, tmp_path_factory.mktemp(name)).parent)
            known[name] = (settings, load_tables(settings, NOW))
        return known[name]

    return load


def test_the_expiry_of_a_card_is_computed_from_stripes_columns_as_the_template_says(
    project: Callable[..., Settings],
) -> None:
    """A card that reads 12/24 is valid to the end of December 2024; the columns of a CSV are texts."""
    template = (FOLDER / EMPTY / FILE_NAME).read_text(encoding="utf-8")
    [expiry] = re.findall(r"make_date\(.*INTERVAL 1 MONTH", template)
    exported = [{"id": "december", "exp_month": 12, "exp_year": 2024}, {"id": "may", "exp_month": 5, "exp_year": 2027}]
    select = (
        f"SELECT id AS card_id, 'a' AS account_id, '2024-02-01' AS added_at, {expiry} AS expires_at FROM stripe_card"
    )
    files = {"accounts.csv": [{"account_id": "a", "created_at": "2024-01-01"}], "stripe_card.csv": exported}
    tables = load_tables(project(files, f'[tables]\ncards = "{select}"'), NOW)
    found = {row["card_id"]: row["expires_at"] for row in pq.read_table(tables.path("cards")).to_pylist()}
    assert found == {"december": datetime(2025, 1, 1), "may": datetime(2027, 6, 1)}


@pytest.mark.parametrize("name", ["ravenstack", "oulad"])
def test_every_row_read_is_kept_or_in_quarantine(loaded: Loaded, name: str) -> None:
    tables = loaded(name)[1]
    assert "subscriptions" in tables.present
    for report in tables.reports:
        quarantine = pq.read_metadata(tables.folder / "quarantine" / f"{report.table}.parquet").num_rows
        kept = sum(pq.read_metadata(file).num_rows for file in tables.files(report.table))
        assert report.kept == kept > 0
        assert report.read == report.kept + quarantine == report.kept + sum(reason.rows for reason in report.reasons)


def test_ravenstack_finds_the_dirt_that_is_known_of_it(loaded: Loaded) -> None:
    found = {finding.check: (finding.rows, finding.of) for finding in loaded("ravenstack")[1].findings}
    assert found == {
        "usage_outside_its_subscription": (19_432, 25_000),
        "tickets_before_signup": (1_077, 2_000),
        "repeated_usage_ids": (21, 25_000),
        "tickets_without_csat": (825, 2_000),
        "churn_flag_against_churn_events": (312, 500),
    }


def test_ravenstack_tables_hold_what_the_files_hold(loaded: Loaded) -> None:
    tables = loaded("ravenstack")[1]
    assert {report.table: (report.read, report.kept) for report in tables.reports} == {
        "accounts": (500, 500),
        "events": (25_000 + 7_731, 25_000 + 7_731),  # uses, and errors among them
        "tickets": (2_000, 2_000),
        "subscriptions": (5_000, 5_000),
    }
    before = [note.partition(" from before")[0] for note in tables.notes if "before the account" in note]
    assert sorted(before) == ["events: 17,348 rows", "tickets: 1,077 rows"]
    assert tables.until == datetime(2025, 1, 1)


def test_oulad_tables_hold_what_the_files_hold(loaded: Loaded) -> None:
    tables = loaded("oulad")[1]
    found = {report.table: (report.read, report.kept) for report in tables.reports}
    assert found["accounts"] == found["subscriptions"] == (21_333, 21_333 - 36)  # 36 never registered
    assert found["events"][0] - found["events"][1] == 66  # all of those 36
    doubted = {finding.check: finding.rows for finding in tables.findings}
    assert doubted == {"withdrawn_before_registering": 0, "submissions_without_a_score": 131}


def test_oulad_withdrawals_are_ends_and_completions_are_neutral(loaded: Loaded) -> None:
    settings, tables = loaded("oulad")
    reasons = pq.read_table(tables.path("subscriptions"))["end_reason"].to_pylist()
    assert reasons.count("withdrawn") == 6_302
    assert set(reasons) == {"withdrawn", *settings.churn.neutral_reasons}


@pytest.mark.parametrize("name", ["ravenstack", "oulad"])
def test_features_are_built_for_the_last_look(loaded: Loaded, name: str) -> None:
    settings, tables = loaded(name)
    as_of = calendar(settings.snapshots, tables)[-1]
    rows = build_features(settings, tables, [as_of]).read()
    assert rows.num_rows > 100
    assert len(set(rows["account_id"].to_pylist())) == rows.num_rows


# --- making a project of a connector ---------------------------------------------------------


def _touch_files(name: str, data: Path, folder: Path) -> None:
    """Make the files that a connector's settings name, with one line each."""
    written = (FOLDER / name / "undertow.toml").read_text()
    (folder / "undertow.toml").write_text(written.replace("{data}", str(data)))
    for path in (path for entry in load_settings(folder).files.values() for path in entry.path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("line\n")
    (folder / "undertow.toml").unlink()


@pytest.mark.parametrize("name", connectors())
def test_a_connector_brings_every_select_it_names(tmp_path: Path, name: str) -> None:
    _touch_files(name, tmp_path / "data", tmp_path)
    settings = load_settings(write_project(name, tmp_path / "data", tmp_path / "project").parent)
    assert settings.select("accounts") is not None
    assert all("SELECT" in str(settings.select(table)) for table in settings.tables)
    assert all("SELECT" in settings.read_sql(written, check) for check, written in settings.checks.items())


def test_the_empty_project_can_be_read_and_filled_in(tmp_path: Path) -> None:
    settings = load_settings(write_project(EMPTY, tmp_path, tmp_path / "project").parent)
    assert settings.files == settings.tables == {}


def test_an_unknown_connector_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Unknown connector 'raven'; known: .*oulad.*Did you mean 'ravenstack'"):
        write_project("raven", tmp_path, tmp_path / "project")


def test_settings_that_exist_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "undertow.toml").write_text("name = 'mine'")
    with pytest.raises(SettingsError, match=r"undertow.toml exists already. Remove it, or choose another folder"):
        write_project(EMPTY, tmp_path, tmp_path)
    assert (tmp_path / "undertow.toml").read_text() == "name = 'mine'"


def test_data_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere is not a folder. Give the folder that holds the exported files"):
        write_project("oulad", tmp_path / "nowhere", tmp_path / "project")


def test_where_the_data_lack_a_file_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(SourceError, match=r"\[files\] courses: no file at .*courses.csv"):
        write_project("oulad", tmp_path / "data", tmp_path / "project")
    assert list((tmp_path / "project").iterdir()) == []
