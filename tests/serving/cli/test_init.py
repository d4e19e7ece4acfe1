"""`undertow init --data`: from a folder of exported files to a project that is checked, with few questions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.features.connectors.company import hubspot, product_database, qualtrics, stripe, zendesk
from tests.features.connectors.company.company import simulate_company
from tests.serving.cli.typed import json_of, undertow
from undertow.features.connectors.kit.draft import Asked
from undertow.features.connectors.kit.guess import Proposed
from undertow.features.connectors.kit.manifest import Connector, Form, Question
from undertow.features.connectors.kit.recognise import Recognised
from undertow.features.settings import FILE_NAME, load_settings
from undertow.serving.cli.setup import from_files

MOST_QUESTIONS = 8


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports of a simulated company from five systems."""
    folder = tmp_path_factory.mktemp("exports")
    company = simulate_company(tmp_path_factory.mktemp("canonical"), accounts=90, months=12)
    for vendor in (hubspot, product_database, qualtrics, stripe, zendesk):
        (folder / vendor.__name__.rpartition(".")[2]).mkdir()
        vendor.write(company, folder / vendor.__name__.rpartition(".")[2])
    (folder / "notes.csv").write_text("colour,weight\nred,1\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def made(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project made with every proposed answer, and what was printed."""
    project = tmp_path_factory.mktemp("made") / "project"
    result = undertow("init", "--data", str(exports), "--project", str(project), "--yes")
    assert (result.exit_code, result.stderr.strip()) == (0, "")
    return project, result.stdout


def test_init_says_what_each_file_is_and_what_is_not_used(made: tuple[Path, str]) -> None:
    printed = made[1]
    for title in ("HubSpot", "Qualtrics", "Stripe", "Zendesk"):
        assert re.search(rf"^{title} +\w", printed, flags=re.M), title
    assert "- notes.csv is not used: no connector knows its columns (colour, weight)." in printed


def test_init_says_how_accounts_were_matched_what_is_partial_and_what_is_missing(made: tuple[Path, str]) -> None:
    printed = made[1]
    assert re.search(r"^stripe +id +\d+", printed, flags=re.M)
    assert re.search(r"^stripe +unmatched +\d+ +cus_", printed, flags=re.M)
    assert re.search(r"^subscriptions +Stripe +exact", printed, flags=re.M)
    assert re.search(r"^- No events: \d+ features \(\d+ columns\) cannot be computed\.", printed, flags=re.M)


def test_init_asks_at_most_eight_questions_and_lists_the_answers_it_took(made: tuple[Path, str]) -> None:
    taken = made[1].partition("Taken, as proposed:")[2].partition("\n\n")[0].strip().splitlines()
    assert 3 <= len(taken) <= MOST_QUESTIONS
    assert any(line.endswith("metadata holds the id of your account? account_id") for line in taken)
    written = (made[0] / FILE_NAME).read_text(encoding="utf-8")
    assert "# Which key of a Stripe customer's metadata holds the id of your account? account_id" in written


def test_the_project_is_checked_and_can_be_read(made: tuple[Path, str]) -> None:
    assert "Next: undertow train --project" in made[1]
    checked = json_of("check", "--project", str(made[0]), "--json")
    kept = {table["table"]: table["kept"] for table in checked["tables"]}
    assert kept["accounts"] == 90
    assert all(kept[name] for name in ("users", "tickets", "surveys", "subscriptions", "invoices", "payments", "cards"))
    assert load_settings(made[0]).currency.report == "EUR"


def test_typed_answers_are_written_into_the_selects(exports: Path, tmp_path: Path) -> None:
    words = ("init", "--data", str(exports / "hubspot"), "--project", str(tmp_path / "p"))
    result = undertow(*words, answers="America/Denver\naccount_id\n")
    assert "In which time zone is HubSpot's Create Date?" in result.stdout
    assert "timezone('America/Denver'" in (tmp_path / "p" / "sql" / "accounts.sql").read_text(encoding="utf-8")


def test_beyond_eight_questions_the_proposed_answers_are_taken_and_doubtful_ones_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    form = Form(name="f", title="F", export="So.")
    connector = Connector(name="c", title="C", about="C.", form=(form,), file=(), table=())
    of = Recognised(connector, form, {})
    asked = [Asked(of, Question(form="f", key=f"k{n}", question=f"Question {n}?")) for n in range(10)]
    proposed = Proposed({f"k{n}": f"a{n}" for n in range(10)}, frozenset(f"k{n}" for n in range(5)), ())
    typed: list[str] = []
    monkeypatch.setattr("typer.prompt", lambda text, default: typed.append(text.strip()) or f"typed {default}")
    answers = from_files.ask(asked, proposed, yes=False)
    assert typed == [f"Question {n}?" for n in (5, 6, 7, 8, 9, 0, 1)]
    assert [answers[f"k{n}"] for n in (5, 1, 2)] == ["typed a5", "typed a1", "a2"]
    assert "Question 4? a4" in capsys.readouterr().out
    assert len(typed) < MOST_QUESTIONS


def test_nothing_is_written_over_a_project(made: tuple[Path, str], exports: Path) -> None:
    before = (made[0] / FILE_NAME).read_bytes()
    result = undertow("init", "--data", str(exports), "--project", str(made[0]), "--yes")
    assert result.exit_code == 1
    assert "exists already, and nothing is overwritten" in result.stderr
    assert (made[0] / FILE_NAME).read_bytes() == before


def test_files_that_no_connector_knows_leave_no_project(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.csv").write_text("colour\nred\n", encoding="utf-8")
    result = undertow("init", "--data", str(tmp_path / "data"), "--project", str(tmp_path / "project"), "--yes")
    assert result.exit_code == 1
    assert "None of these files is one that a connector knows whole" in result.stderr
    assert not (tmp_path / "project").exists()


def test_init_without_data_explains_the_tables_from_their_contract(tmp_path: Path) -> None:
    printed = undertow("init", "--project", str(tmp_path / "new")).stdout
    assert "subscriptions: a period on one plan at one price." in printed
    assert re.search(r"^ +renews_at +time, UTC +set in advance, known with the row", printed, flags=re.M)
    assert re.search(r"^ +duration_ms +number, milliseconds +not below 0", printed, flags=re.M)


def test_files_lists_the_sources_and_shows_the_columns_of_one(made: tuple[Path, str]) -> None:
    listed = json_of("files", "--project", str(made[0]), "--json")
    assert {"name": "who_is_who", "section": "views", "files": None, "bytes": None} in listed
    assert "stripe_events" in undertow("files", "--project", str(made[0])).stdout
    shown = json_of("files", "product_users", "--project", str(made[0]), "--json")
    columns = {column["column"]: column for column in shown["columns"]}
    assert shown["rows"] > 40
    assert columns["left_at"]["type"] == "VARCHAR"
    assert columns["left_at"]["nulls"] > columns["user_id"]["nulls"] == 0
    assert re.search(r"^joined_at +VARCHAR", undertow("files", "product_users", "--project", str(made[0])).stdout, re.M)
    wrong = undertow("files", "product_usrs", "--project", str(made[0]))
    assert (wrong.exit_code, "Did you mean 'product_users'?" in wrong.stderr) == (1, True)
