"""`undertow` as it is typed: every word, what it prints, and how it ends."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from undertow.features.connectors import FOLDER
from undertow.features.settings import FILE_NAME, load_settings
from undertow.serving.cli.commands import app

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
SMALL = "\n[training]\ntrees = 10\nseeds = 1\nbootstrap = 20\nmin_churners = 2\n"
Words = Callable[..., Result]


def undertow(*words: str) -> Result:
    """Type a command; what was not expected to be raised is raised here too."""
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*words: str) -> Any:
    """The JSON that a command prints on standard output."""
    result = undertow(*words)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout, parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Result]:
    """A project made by `undertow demo` with settings of its own, and what was printed."""
    folder = tmp_path_factory.mktemp("demo")
    template = (FOLDER / "demo" / FILE_NAME).read_text(encoding="utf-8")
    (folder / FILE_NAME).write_text(template.replace("{data}", "data") + SMALL, encoding="utf-8")
    words = ("demo", "--project", str(folder), "--accounts", "120", "--months", "13", "--seed", "3")
    return str(folder), undertow(*words)


@pytest.fixture
def tiny(store: Path, tmp_path: Path) -> str:
    """A project whose store holds the six accounts that are published by hand."""
    (tmp_path / FILE_NAME).write_text(f'store = "{store}"\n', encoding="utf-8")
    return str(tmp_path)


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
    for title in ("What was read", "The model, judged", "Accounts at risk", "What drives it", "Where everything lies"):
        assert title in result.stdout
    assert f"serve --project {demo[0]}" in result.stdout


def test_check_as_json_counts_every_table(demo: tuple[str, Result]) -> None:
    found = told("check", "--project", demo[0], "--json")
    tables = {table["table"]: table for table in found["tables"]}
    assert {"accounts", "events", "subscriptions"} <= set(tables)
    assert tables["accounts"]["kept"] == 120 + 1  # the monitor is listed too
    assert all(table["read"] >= table["kept"] for table in tables.values())


def test_check_of_too_dirty_data_prints_its_counts_and_ends_with_1(demo: tuple[str, Result], tmp_path: Path) -> None:
    data = Path(demo[0]).resolve() / "data"
    lines = [f"[files]\naccounts = '{data}/accounts.parquet'\nsubscriptions = '{data}/subscriptions.parquet'"]
    lines += ["[tables]\nsubscriptions = 'SELECT * REPLACE (-mrr AS mrr) FROM subscriptions'"]
    (tmp_path / FILE_NAME).write_text("\n".join(lines), encoding="utf-8")
    result = undertow("check", "--project", str(tmp_path), "--json")
    assert result.exit_code == 1
    assert {"table": "subscriptions", "kept": 0}.items() <= json.loads(result.stdout)["tables"][1].items()
    assert "Too many rows break their contract" in result.stderr


def test_features_as_json_names_its_columns(demo: tuple[str, Result]) -> None:
    found = told("features", "--project", demo[0], "--as-of", "2023-10-01", "--json")
    assert found["as_ofs"] == ["2023-10-01"]
    assert found["rows"] > 30
    assert {"error_rate_30", "mrr", "segment"} <= set(found["columns"])


def test_train_as_json_has_results_beside_their_baselines(demo: tuple[str, Result]) -> None:
    found = told("train", "--project", demo[0], "--json")
    assert {result["model"] for result in found["results"]} >= {"undertow hazard", "base rate"}
    assert (found["registered_version"], found["champion"]) == (2, False)


def test_score_as_json_says_what_was_published(demo: tuple[str, Result]) -> None:
    found = told("score", "--project", demo[0], "--json")
    assert (Path(found["folder"]) / "scores.parquet").exists()
    assert found["accounts"] == told("drivers", "--project", demo[0], "--json")["accounts"]


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


# --- the list ----------------------------------------------------------------------------------


def listed(project: str, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told("at-risk", "--project", project, "--format", "json", *words)
    return found


def test_the_list_as_json_goes_by_value_at_risk(tiny: str) -> None:
    values = [account["value_at_risk"] for account in listed(tiny)]
    assert len(values) == 6
    assert values == sorted(values, reverse=True)


def test_the_list_as_csv_says_the_same(tiny: str) -> None:
    result = undertow("at-risk", "--project", tiny, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert (result.exit_code, result.stderr) == (0, "")
    ids = [row["account_id"].removeprefix("'") for row in rows]
    assert ids == [account["account_id"] for account in listed(tiny)]
    assert {"p_90", "value_at_risk", "reason_1"} <= set(rows[0])


def test_the_list_as_a_table_names_accounts_reasons_and_totals(tiny: str) -> None:
    shown = undertow("at-risk", "--project", tiny, "--limit", "2").stdout
    assert "A-00042" in shown
    assert "errors on 12% of page views" in " ".join(shown.split())
    assert "2 of 6 accounts, as of 2025-01-31" in shown


def test_names_are_no_markup(publish_scores: Callable[..., Path], people: Any, tmp_path: Path) -> None:
    publish_scores(tmp_path / "store", people=(("m", "[b]x[/b]", *people[1][2:]),))
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")
    assert "[b]x[/b]" in undertow("at-risk", "--project", str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("words", "key", "value", "count"),
    [
        (("--owner", "Mara Lindqvist"), "owner", "Mara Lindqvist", 2),
        (("--segment", "startup"), "segment", "startup", 3),
        (("--limit", "1"), "account_id", "A-00042", 1),
    ],
)
def test_the_list_can_be_narrowed(tiny: str, words: tuple[str, ...], key: str, value: str, count: int) -> None:
    found = listed(tiny, *words)
    assert len(found) == count
    assert {account[key] for account in found} == {value}


def test_the_list_can_be_narrowed_by_cause_and_money(tiny: str) -> None:
    every = listed(tiny)
    causes = [len(listed(tiny, "--cause", cause)) for cause in ("voluntary", "involuntary")]
    assert sum(causes) == 6 and min(causes) > 0
    middle = every[2]["value_at_risk"]
    assert [account["account_id"] for account in listed(tiny, "--min-value", str(middle))] == [
        account["account_id"] for account in every[:3]
    ]


def test_a_list_of_nobody_is_empty_and_no_error(tiny: str) -> None:
    assert listed(tiny, "--owner", "Nobody") == []
    assert undertow("at-risk", "--project", tiny, "--owner", "Nobody").exit_code == 0


def test_drivers_are_printed_with_their_grade(demo: tuple[str, Result]) -> None:
    shown = undertow("drivers", "--project", demo[0]).stdout
    assert "Associated" in shown
    assert all(family in shown for family in ("ux", "cx", "billing", "usage", "profile"))
    assert told("drivers", "--project", demo[0], "--json")["grade"] == "associated"


# --- a world of one's own ------------------------------------------------------------------------


def test_a_simulated_world_is_written_counted_and_ready_for_a_project(tmp_path: Path) -> None:
    out, truth = tmp_path / "world", tmp_path / "truth"
    result = undertow("simulate", "--world", "tiny", "--accounts", "30", "--months", "2", "--out", str(out),
                      "--truth", str(truth))  # fmt: skip
    assert result.exit_code == 0
    assert "World tiny, seed 7: 30 accounts over 59 days" in result.stdout
    assert "nothing that learns may read it" in result.stdout
    assert len(list(out.glob("*.parquet"))) == 10 and not list(tmp_path.glob("*.unfinished"))
    assert {path.name for path in truth.iterdir()} >= {"churn_probability.parquet", "margin.parquet", "world.json"}
    next_step = next(line for line in result.stdout.splitlines() if line.startswith("Next: undertow "))
    words = next_step.removeprefix("Next: undertow ").replace("my-world", str(tmp_path / "project")).split()
    assert undertow(*words).exit_code == 0
    assert undertow("check", "--project", str(tmp_path / "project")).exit_code == 0


def test_a_simulated_world_as_json_counts_its_rows(tmp_path: Path) -> None:
    found = told("simulate", "--world", "noise", "--accounts", "25", "--months", "1", "--out", str(tmp_path), "--json")
    assert (found["world"], found["accounts"], found["days"]) == ("noise", 25, 31)
    assert found["rows"]["accounts"] == 26 and found["rows"]["events"] > 300


def test_an_unknown_world_is_refused_with_the_nearest(tmp_path: Path) -> None:
    result = undertow("simulate", "--world", "nois", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "Did you mean 'noise'?" in result.stderr
    assert not (tmp_path / "out").exists()
