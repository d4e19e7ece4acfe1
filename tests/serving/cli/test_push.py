"""`undertow push` as it is typed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.serving.cli.typed import json_of, undertow
from tests.serving.push.vendors import Hubspot, Slack, serving
from undertow.features.settings import FILE_NAME


@pytest.fixture
def project(store: Path, tmp_path: Path) -> Path:
    """A project of its own whose published list is that of the store."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store/scores").symlink_to(store / "scores")
    (tmp_path / FILE_NAME).write_text('[destinations.out]\nkind = "files"\nfolder = "out"\n', encoding="utf-8")
    return tmp_path


def typed(project: Path, *words: str) -> tuple[int, str]:
    result = undertow("push", *words, "--project", str(project))
    return result.exit_code, " ".join((result.stdout + result.stderr).split())


def test_without_a_destination_nothing_is_sent_and_it_is_said_how_to_add_one(project: Path) -> None:
    (project / FILE_NAME).write_text("", encoding="utf-8")
    code, said = typed(project)
    assert code == 1
    assert "No destination is configured, so nothing was sent. Add one to undertow.toml" in said
    assert '[destinations.warehouse] kind = "postgres"' in said


def test_a_dry_run_prints_the_difference(project: Path) -> None:
    code, said = typed(project, "--dry-run")
    assert code == 0
    assert "Would be pushed: the list run-1, as of 2025-01-31" in said
    assert "out files 6 0 0 0 0 0" in said
    assert "out: nothing is sent: this is a dry run, nothing was pushed before" in said
    assert not (project / "out").exists()


def test_a_push_prints_what_was_sent_and_a_second_one_that_nothing_was(project: Path) -> None:
    code, said = typed(project, "out")
    assert code == 0
    assert "out files 6 0 0 0 6 0 out: wrote out/run-1/accounts.csv" in said
    with (project / "out/run-1/accounts.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 7
    code, said = typed(project)
    assert code == 0 and "out files 0 0 0 6 0 0 out: nothing to send: it holds this list already" in said
    assert "against the push of run-1" in typed(project, "--dry-run")[1]


def test_json_holds_the_counts(project: Path) -> None:
    [report] = json_of("push", "--project", str(project), "--json")
    counts = {name: report[name] for name in ("destination", "kind", "run_id", "new", "sent", "failed", "error")}
    assert counts == {
        "destination": "out", "kind": "files", "run_id": "run-1", "new": 6, "sent": 6, "failed": 0, "error": None,
    }  # fmt: skip


def test_an_unknown_destination_is_refused(project: Path) -> None:
    assert typed(project, "oul") == (1, "undertow: No destination 'oul'. Known: out. Did you mean 'out'?")


def test_a_partly_refused_push_exits_with_1_and_shows_no_secret(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubspot, slack = Hubspot(companies={"1": {"undertow_account": "zero"}}, known=("rank",)), Slack()
    monkeypatch.setenv("HS_TOKEN", hubspot.token)
    with serving(hubspot), serving(slack):
        monkeypatch.setenv("SLACK_HOOK", f"{slack.address}/services/wrong-secret")
        (project / FILE_NAME).write_text(
            f'[destinations.crm]\nkind = "hubspot"\ntoken_env = "HS_TOKEN"\nbase_url = "{hubspot.address}"\n'
            'id_property = "undertow_account"\nproperties = { rank = "rank" }\n'
            '[destinations.chat]\nkind = "slack"\nwebhook_env = "SLACK_HOOK"\n',
            encoding="utf-8",
        )
        code, said = typed(project)
    assert code == 1
    assert "crm hubspot 6 0 0 0 1 5" in said and "chat slack 6 0 0 0 0 0" in said
    assert "crm: A-00042 was refused: Could not get some COMPANY objects" in said
    assert "crm: what was refused is sent again by the next push" in said
    assert "chat: [destinations.chat]: refused it with 404: no_service." in said
    assert hubspot.token not in said and "wrong-secret" not in said
