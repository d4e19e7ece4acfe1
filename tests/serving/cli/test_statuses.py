"""`undertow statuses` as it is typed."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import FILE_NAME

SECRET = "postgresql://me:sup3rsecret@127.0.0.1:9/none"


@pytest.fixture
def team(tiny: str) -> str:
    """The project of the six accounts, with a database of statuses."""
    with (Path(tiny) / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write('[team]\ndatabase = "team.db"\n')
    return tiny


def put(project: str, *words: str) -> str:
    result = undertow("statuses", "set", *words, "--project", project)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_status_is_set_listed_and_filtered(team: str) -> None:
    said = put(team, "A-00042", "snoozed", "--until", "2199-03-31", "--owner", "[Mira]", "--note", "On holiday")
    assert said == "A-00042 is snoozed until 2199-03-31, [Mira] now.\n"
    put(team, "kunde 7/b", "done", "--due", "2025-02-07")
    shown = undertow("statuses", "--project", team).stdout
    assert shown.index("Grün & Söhne") < shown.index("Nordwind Logistik GmbH")  # the earliest due first
    assert "snoozed until 2199-03-31" in shown and "[Mira]" in shown and "On holiday" in shown
    listed = json_of("statuses", "--status", "done", "--project", team, "--json")
    found = [(each["account_id"], each["due"], each["on_list"]) for each in listed]
    assert found == [("kunde 7/b", "2025-02-07", True)]
    assert listed[0]["changed_by"].endswith(" (command line)")
    assert json_of("statuses", "--owner", "Tom", "--account", "A-00042", "--project", team, "--json") == []


def test_the_history_holds_every_change(team: str) -> None:
    put(team, "A-00042", "contacted", "--owner", "Mira")
    put(team, "A-00042", "done")
    shown = undertow("statuses", "--history", "--project", team).stdout
    assert "contacted, Mira" in shown
    changes = json_of("statuses", "--history", "--account", "A-00042", "--project", team, "--json")
    assert [(each["version"], each["after"]["status"]) for each in changes] == [(2, "done"), (1, "contacted")]
    assert changes[0]["before"]["owner"] == "Mira" and changes[1]["before"] is None


def test_a_csv_file_holds_all_and_runs_in_no_spreadsheet(team: str, tmp_path: Path) -> None:
    put(team, "A-00042", "contacted", "--note", "=1+1")
    out = tmp_path / "out.csv"
    assert undertow("statuses", "--csv", str(out), "--project", team).stdout == f"Wrote 1 lines to {out}.\n"
    assert [(row["name"], row["note"], row["list"]) for row in rows(out)] == [("Nordwind Logistik GmbH", "'=1+1", "")]
    undertow("statuses", "--history", "--csv", str(out), "--project", team)
    assert [(row["before_status"], row["status"]) for row in rows(out)] == [("", "contacted")]


def test_a_status_outlives_the_place_of_its_account_on_the_list(team: str, tmp_path: Path) -> None:
    put(team, "A-00042", "contacted")
    with sqlite3.connect(tmp_path / "team.db") as connection:
        connection.execute("UPDATE undertow_statuses SET account_id = 'A-left'")
        connection.execute("UPDATE undertow_status_history SET account_id = 'A-left'")
    connection.close()
    assert "A-left (no longer on the list)" in undertow("statuses", "--project", team).stdout
    put(team, "A-left", "done")
    undertow("statuses", "--csv", str(tmp_path / "out.csv"), "--project", team)
    assert [(row["status"], row["list"]) for row in rows(tmp_path / "out.csv")] == [("done", "no longer on the list")]


@pytest.mark.parametrize(("words", "said"), [
    (("A-00042", "snoozed"), "Snoozed needs the day on which the account comes back"),
    (("A-00042", "snoozed", "--until", "2020-01-01"), "expected a day after today"),
    (("A-0042", "done"), "No account 'A-0042' among those scored as of 2025-01-31."),
    (("A-00042", "done", "--note", "x" * 501), "note: expected at most 500 characters, got 501"),
])  # fmt: skip
def test_what_cannot_be_meant_ends_with_1_and_sets_nothing(team: str, words: tuple[str, ...], said: str) -> None:
    result = undertow("statuses", "set", *words, "--project", team)
    assert (result.exit_code, result.stdout) == (1, "") and said in result.stderr
    assert json_of("statuses", "--project", team, "--json") == []


@pytest.mark.parametrize("words", [
    ("set", "A-00042", "sold"), ("set", "A-00042"), ("set", "A-00042", "done", "--due", "soon"),
    ("--history", "--owner", "Mira"),
])  # fmt: skip
def test_wrong_usage_ends_with_2(team: str, words: tuple[str, ...]) -> None:
    where = ("--project", team)
    placed = (*words, *where) if words[0] == "set" else (*where, *words)
    assert undertow("statuses", *placed).exit_code == 2


def test_without_a_database_it_is_said_what_to_write(tiny: str) -> None:
    for words in (("--project", tiny), ("set", "A-00042", "done", "--project", tiny)):
        result = undertow("statuses", *words)
        assert result.exit_code == 1
        assert "No [team] database is configured, so statuses are read-only. To set them, write [team]" in result.stderr


def test_before_anything_is_set_or_published_the_list_says_what_to_run(team: str, tmp_path: Path) -> None:
    assert "Next: undertow statuses set ACCOUNT contacted" in undertow("statuses", "--project", team).stdout
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / FILE_NAME).write_text('[team]\ndatabase = "team.db"\n', encoding="utf-8")
    assert json_of("statuses", "--project", str(tmp_path / "new"), "--json") == []


def test_an_address_in_the_environment_is_shown_in_no_message(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (Path(tiny) / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write('[team]\nuri_env = "TEAM_ADDRESS"\n')
    missing = undertow("statuses", "--project", tiny).stderr
    assert "the environment variable TEAM_ADDRESS must hold an address such as" in missing
    monkeypatch.setenv("TEAM_ADDRESS", SECRET)
    refused = undertow("statuses", "--project", tiny)
    assert refused.exit_code == 1 and "PostgreSQL said: " in refused.stderr and "sup3rsecret" not in refused.stderr
    monkeypatch.setenv("TEAM_ADDRESS", SECRET.removeprefix("postgresql://"))
    refused = undertow("serve", "--project", tiny, "--port", "0")
    assert refused.exit_code in (1, 2) and "sup3rsecret" not in refused.stderr
