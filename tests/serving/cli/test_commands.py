"""`undertow` as it is typed: every word, what it prints, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import Result

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import FILE_NAME, load_settings
from undertow.serving.cli.commands import app

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
Words = Callable[..., Result]


# --- help and wrong use ------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    shown = undertow("--help")
    assert shown.exit_code == 0
    assert all(command in shown.stdout for command in COMMANDS)
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_an_example(command: str) -> None:
    shown = undertow(command, "--help")
    assert shown.exit_code == 0
    assert f"Example: undertow {command}" in shown.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--jsn"),
        ("nonsense",),
        ("at-risk", "--limit", "0"),
        ("at-risk", "--limit", "many"),
        ("at-risk", "--cause", "boredom"),
        ("at-risk", "--format", "xml"),
        ("score", "--as-of", "2024-13-01"),
        ("score", "--bulk", "--publish"),
        ("serve", "--port", "70000"),
    ],
)
def test_wrong_use_ends_with_2_and_says_so_on_standard_error(words: tuple[str, ...]) -> None:
    result = undertow(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error" in result.stderr


@pytest.mark.parametrize("command", ["check", "features", "train", "score", "at-risk", "drivers", "serve"])
def test_without_settings_a_command_ends_with_1_and_says_what_to_do(command: str, tmp_path: Path) -> None:
    result = undertow(command, "--project", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("undertow: No undertow.toml in ")
    assert "Run `undertow init`" in result.stderr


# --- init --------------------------------------------------------------------------------------


def test_init_writes_an_empty_project_that_can_be_read(tmp_path: Path) -> None:
    result = undertow("init", "--project", str(tmp_path / "new"))
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"Next: undertow check --project {tmp_path / 'new'}" in result.stdout
    assert load_settings(tmp_path / "new").name == "my-project"


def test_check_of_an_empty_project_asks_for_a_source(tmp_path: Path) -> None:
    undertow("init", "--project", str(tmp_path))
    result = undertow("check", "--project", str(tmp_path))
    assert result.exit_code == 1
    assert "The accounts table has no source" in result.stderr


def test_init_does_not_write_over_a_project(tmp_path: Path) -> None:
    undertow("init", "--project", str(tmp_path))
    before = (tmp_path / FILE_NAME).read_bytes()
    result = undertow("init", "--project", str(tmp_path))
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize(("data", "said"), [("nowhere", "is not a folder"), (".", "no file at")])
def test_init_of_a_connector_without_its_files_writes_nothing(tmp_path: Path, data: str, said: str) -> None:
    project, exports = tmp_path / "project", tmp_path / "exports"
    exports.mkdir()
    result = undertow("init", "--connector", "ravenstack", "--data", str(exports / data), "--project", str(project))
    assert result.exit_code == 1
    assert said in result.stderr
    assert not (project / FILE_NAME).exists()


def test_init_of_a_connector_without_its_files_leaves_no_selects_behind(tmp_path: Path) -> None:
    project = tmp_path / "project"
    undertow("init", "--connector", "ravenstack", "--data", str(tmp_path), "--project", str(project))
    assert list(project.rglob("*.sql")) == []


def test_an_unknown_connector_is_answered_with_the_nearest(tmp_path: Path) -> None:
    result = undertow("init", "--connector", "ravenstak", "--project", str(tmp_path / "project"))
    assert result.exit_code == 1
    assert "Unknown connector 'ravenstak'" in result.stderr
    assert "Did you mean 'ravenstack'?" in result.stderr
    assert not (tmp_path / "project").exists()


# --- from data to a list -----------------------------------------------------------------------


def test_the_demo_runs_from_data_to_drivers(demo: tuple[str, Result]) -> None:
    _, result = demo
    assert result.exit_code == 0, result.stderr
    for title in ("What was read", "The model, evaluated", "Accounts at risk", "Drivers of the scores", "Files"):
        assert title in result.stdout
    assert f"serve --project {demo[0]}" in result.stdout


def test_train_as_json_has_results_beside_their_baselines(demo: tuple[str, Result]) -> None:
    found = json_of("train", "--project", demo[0], "--json")
    assert {result["model"] for result in found["results"]} >= {"undertow hazard", "base rate"}
    assert (found["registered_version"], found["champion"]) == (2, False)


def test_tuning_without_optuna_says_what_to_install_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undertow("init", "--project", str(tmp_path))
    monkeypatch.setitem(sys.modules, "optuna", None)  # as Python marks a module that cannot be imported
    result = undertow("train", "--project", str(tmp_path), "--tune", "20")
    assert result.exit_code == 1
    assert "pip install 'undertow[tune]'" in " ".join(result.stderr.split())


def test_tuning_of_a_single_trial_is_wrong_usage(tmp_path: Path) -> None:
    result = undertow("train", "--project", str(tmp_path), "--tune", "1")
    assert result.exit_code == 2
    assert "--tune" in result.stderr


def test_tuning_with_thin_data_is_skipped_and_said(demo: tuple[str, Result]) -> None:
    found = json_of("train", "--project", demo[0], "--json", "--tune", "2")
    assert (found["tuning"]["trials"], found["tuning"]["used"]) == (0, False)
    [note] = [note for note in found["notes"] if note.startswith("Not tuned: ")]
    assert note == found["tuning"]["note"]


def test_score_as_json_says_what_was_published(demo: tuple[str, Result]) -> None:
    found = json_of("score", "--project", demo[0], "--json")
    assert (Path(found["folder"]) / "scores.parquet").exists()
    assert found["accounts"] == json_of("drivers", "--project", demo[0], "--json")["accounts"]


def test_score_of_a_past_day_says_that_the_newer_list_stays_and_how_to_replace_it(demo: tuple[str, Result]) -> None:
    words = ("score", "--project", demo[0], "--as-of", "2023-12-01")
    published = json_of("score", "--project", demo[0], "--json")
    shown = undertow(*words).stdout
    assert (
        f"not published: the published list of {published['as_of']} is newer and stays. `undertow score --pu" in shown
    )
    assert json_of(*words, "--json")["published"] is False
    assert json_of(*words, "--publish", "--json")["published"] is True
    assert "Published in " in undertow("score", "--project", demo[0]).stdout


@pytest.mark.parametrize("command", ["at-risk", "drivers"])
def test_before_scores_are_published_a_list_says_what_to_run(command: str, tmp_path: Path) -> None:
    undertow("init", "--project", str(tmp_path))
    result = undertow(command, "--project", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Run `undertow score`" in result.stderr


def test_score_before_train_says_what_to_run(tmp_path: Path) -> None:
    undertow("init", "--project", str(tmp_path))
    result = undertow("score", "--project", str(tmp_path))
    assert result.exit_code == 1
    assert "Run `undertow train` first" in result.stderr


# --- a world of one's own ------------------------------------------------------------------------


def test_an_unknown_world_is_refused_with_the_nearest(tmp_path: Path) -> None:
    result = undertow("simulate", "--world", "nois", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "Did you mean 'noise'?" in result.stderr
    assert not (tmp_path / "out").exists()
