"""`undertow keys` as it is typed."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import FILE_NAME
from undertow.serving.access.keys import key_file
from undertow.serving.access.tokens import read_token


@pytest.fixture
def project(tmp_path: Path) -> str:
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")
    return str(tmp_path)


def test_a_token_is_printed_once_alone_and_stored_nowhere(project: str) -> None:
    added = undertow("keys", "add", "mira", "--role", "reader", "--owner", "[Mira] Holt", "--project", project)
    token = added.stdout.strip()
    assert read_token(token) is not None and added.exit_code == 0
    assert "mira: reader of the accounts of [Mira] Holt, without an end. Keep its token" in added.stderr
    shown = undertow("keys", "list", "--project", project).stdout
    assert "mira" in shown and "[Mira] Holt" in shown and "living" in shown
    listed = json_of("keys", "list", "--project", project, "--json")
    assert [(key["name"], key["role"], key["owner"], key["state"]) for key in listed] == [
        ("mira", "reader", "[Mira] Holt", "living")
    ]
    files = [path for path in Path(project).rglob("*") if path.is_file()]
    for text in (shown, json.dumps(listed), *(path.read_text(encoding="utf-8") for path in files)):
        assert token[-43:] not in text
    assert "argon2" not in shown + json.dumps(listed)


def test_a_key_that_was_revoked_stays_listed_as_such(project: str) -> None:
    undertow("keys", "add", "mira", "--role", "reader", "--project", project)
    undertow("keys", "add", "ci", "--role", "scorer", "--per-minute", "6000", "--project", project)
    revoked = undertow("keys", "revoke", "mira", "--project", project)
    assert revoked.stdout.startswith("The key 'mira' (") and revoked.stdout.endswith(") is revoked.\n")
    listed = json_of("keys", "list", "--project", project, "--json")
    assert [(key["name"], key["state"], key["per_minute"]) for key in listed] == [
        ("mira", "revoked", 600), ("ci", "living", 6000),
    ]  # fmt: skip
    assert undertow("keys", "revoke", listed[1]["id"], "--project", project).exit_code == 0
    lines = [json.loads(line) for line in (Path(project) / "store/access/audit.jsonl").read_text().splitlines()]
    assert [(line["event"], line["name"]) for line in lines] == [
        ("key added", "mira"), ("key added", "ci"), ("key revoked", "mira"), ("key revoked", "ci"),
    ]  # fmt: skip
    assert all(line.keys() <= {"time", "event", "key", "name"} for line in lines)


def test_the_last_day_counts_whole_and_days_are_counted_from_now(project: str) -> None:
    undertow("keys", "add", "a", "--role", "reader", "--expires", "2099-12-31", "--project", project)
    undertow("keys", "add", "b", "--role", "reader", "--expires", "90d", "--project", project)
    a, b = json_of("keys", "list", "--project", project, "--json")
    assert a["expires"] == "2100-01-01T00:00:00Z"
    left = datetime.fromisoformat(b["expires"]) - datetime.now(UTC)
    assert timedelta(days=90, seconds=-60) < left <= timedelta(days=90)


@pytest.mark.parametrize("day", ["tomorrow", "0d", "-5d", "2026-02-30", "90", "1.5d", "9999-12-31", ""])
def test_an_end_that_is_no_day_is_wrong_usage(project: str, day: str) -> None:
    result = undertow("keys", "add", "a", "--role", "reader", "--expires", day, "--project", project)
    assert result.exit_code == 2 and not key_file(Path(project) / "store").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "mira", "--role", "admin"), "A living key is named 'mira'."),
        (("add", "<b>", "--role", "admin"), "'<b>' is no name of a key. Expected: 1 to 64 letters"),
        (("add", "b", "--role", "admin", "--expires", "2020-01-01"), "would have expired on 2020-01-02"),
        (("revoke", "mirra"), "No key has the name or id 'mirra'. Did you mean 'mira'?"),
    ],
)
def test_what_cannot_be_done_ends_with_1_and_says_what_to_do(project: str, words: tuple[str, ...], said: str) -> None:
    undertow("keys", "add", "mira", "--role", "reader", "--project", project)
    result = undertow("keys", *words, "--project", project)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    "words", [("add", "mira"), ("add", "mira", "--role", "owner"), ("add", "--role", "reader"), ("revoke",)]
)
def test_without_a_role_or_a_name_the_use_is_wrong(project: str, words: tuple[str, ...]) -> None:
    assert undertow("keys", *words, "--project", project).exit_code == 2


def test_before_the_first_key_the_list_says_what_to_run(project: str) -> None:
    assert undertow("keys", "list", "--project", project).stdout.startswith("No key was added yet. Next: undertow keys")
    assert json_of("keys", "list", "--project", project, "--json") == []


def test_an_owner_that_no_account_has_is_pointed_out(project: str, store: Path) -> None:
    shutil.copytree(store, Path(project) / "store")
    added = undertow("keys", "add", "tom", "--role", "reader", "--owner", "Tom Okafo", "--project", project)
    assert "No account of the published list has the owner 'Tom Okafo'. Did you mean 'Tom Okafor'?" in added.stderr
    assert added.exit_code == 0
    added = undertow("keys", "add", "tom2", "--role", "reader", "--owner", "Tom Okafor", "--project", project)
    assert "No account" not in added.stderr
