"""A mistake in undertow.toml is named where it stands, with the nearest name that exists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from undertow.features.errors import SettingsError
from undertow.features.settings import HORIZONS, Settings, load_settings, make_settings, midnight

Project = Callable[..., Settings]


def test_a_folder_without_undertow_toml_is_told_of_undertow_init(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"No undertow.toml in .*Run `undertow init` there"):
        load_settings(tmp_path)


def test_broken_toml_is_refused_with_its_line(project: Project) -> None:
    with pytest.raises(SettingsError, match=r"undertow.toml is not valid TOML: .*line 4"):
        project({}, toml="\n[data\n")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[chrun]\ngrace_days = 1", "chrun: .*Did you mean 'churn'"),
        ("[churn]\ngrace_day = 1", "churn.grace_day: .*Did you mean 'grace_days'"),
        ("[data]\nmax_quarantine_share = 1.5", "max_quarantine_share: .*less than or equal to 1, got 1.5"),
        ("[data]\nuntil = 'soon'", "data.until: .*got 'soon'"),
        ("[churn]\nkind = 'mood'", "churn.kind: .*'subscription'.*got 'mood'"),
        ("[training]\nhorizons = [90, 30]", "training.horizons: .*ascending numbers of days"),
        ("[training]\nhorizons = []", "training.horizons: .*ascending numbers of days"),
        ("[training]\nhorizons = [0, 30]", "training.horizons: .*ascending numbers of days"),
        ("[value]\nmonths = 18", "value.months: .*got 18"),
        ("[tables]\nevnts = 'SELECT 1'", "unknown table 'evnts'; known: accounts, merges, users, events"),
        ("[events]\nkinds = ['Error']", "'error' is a kind of Undertow already, .* remove it from the list"),
        ("[events]\nkinds = ['page-views']", "'page-views' looks like 'page_view', .* write 'page_view' in the SELECT"),
        ("[events]\nkinds = ['erorr']", "'erorr' looks like 'error'"),
        ("[events]\nkinds = ['delivery', ' Delivery']", "expected distinct words, got 'delivery' 2 times"),
        ("[events]\nkinds = ['delivery']\nnot_activity = ['delivry']", "expected some of kinds, .*'delivery'"),
        ("[events]\nkinds = ['']", "expected distinct words, got ''"),
        ("[features]\nname = 'late'", r"features: .*write each below \[\[features\]\], in two brackets"),
        ("[[features]]\nmeasure = 'count'", r"\[\[features\]\] number 1: name: Field required"),
        ("[[features]]\nname = 'late'", r"\[\[features\]\] 'late': sentence: Field required"),
        ("[[features]]\nname = 'late'\nmesure = 'count'", r"\[\[features\]\] 'late': mesure: .*Did you mean 'measure'"),
        ("[[features]]\nname = 'late'\nper = { tabel = 'x' }", r"'late': per.tabel: .*Did you mean 'table'"),
        ("[[features]]\nname = 'late'\nwindows = ['a month']", r"'late': windows.0: .*got 'a month'"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(project: Project, toml: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        project({}, toml=toml)


def test_every_wrong_field_is_named_at_once(project: Project) -> None:
    with pytest.raises(SettingsError) as refused:
        project({}, toml="[churn]\ngrace_days = -1\n[engine]\nthreads = 0")
    assert "churn.grace_days" in str(refused.value)
    assert "engine.threads" in str(refused.value)


def test_a_sql_file_that_does_not_exist_is_named(project: Project) -> None:
    settings = project({"accounts.csv": "account_id\n"}, toml="[tables]\nevents = 'sql/events.sql'")
    with pytest.raises(
        SettingsError, match=r"\[tables\] events names .*sql/events.sql, which does not exist"
    ):
        settings.select("events")


def test_a_select_comes_from_its_file_the_settings_or_the_file_of_that_name(
    project: Project, tmp_path: Path
) -> None:
    settings = project(
        {"accounts.csv": "account_id\n", "users.sql": "SELECT 2\n"},
        toml="[tables]\nevents = 'SELECT 1'\nusers = 'users.sql'",
    )
    assert settings.select("events") == "SELECT 1"
    assert settings.select("users") == "SELECT 2"
    assert settings.select("accounts") == "SELECT * FROM accounts"
    assert settings.select("tickets") is None


def test_settings_do_not_change_once_read(project: Project) -> None:
    settings = project({})
    with pytest.raises(ValidationError, match="frozen"):
        settings.churn.grace_days = 3  # type: ignore[misc]


def test_the_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, {})
    assert settings.training.horizons == HORIZONS == (30, 60, 90, 180, 360)
    assert settings.churn.grace_days == 30
    assert settings.data.max_quarantine_share == 0.05


def test_ones_own_kinds_of_events_are_compared_in_lower_case(project: Project) -> None:
    settings = project({}, toml="[events]\nkinds = ['Delivery', ' store_visit ']")
    assert settings.events.kinds == ("delivery", "store_visit")


def test_what_is_made_public_does_not_name_the_folder(project: Project) -> None:
    settings = project({})
    assert str(settings.folder) not in str(settings.public())


def test_a_relative_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_settings(Path("."), {}).store_path("tables") == tmp_path.resolve() / "store" / "tables"


def test_a_day_stands_for_its_first_moment() -> None:
    assert midnight(date(2024, 3, 1)) == datetime(2024, 3, 1, 0, 0)
