"""The audit log: a line an event, of known fields, and no more of them than fit."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from undertow.serving.access.audit import REFUSED_AT_ONCE, Audit


def test_a_line_says_when_what_which_key_and_where(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit(tmp_path / "audit.log")
    with caplog.at_level(logging.INFO, "undertow.audit"):
        audit.note("login", "0123456789ab", "mira", "/login")
        audit.note("export", "0123456789ab", "mira", "/v1/at-risk")
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["login", "export"]
    assert lines[0].keys() == {"time", "event", "key", "name", "route"} and lines[0]["time"].endswith("Z")
    assert [json.loads(message) for message in caplog.messages] == lines


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    audit, file = Audit(tmp_path / "audit.log"), tmp_path / "audit.log"
    audit.note("login", "0", "mira", "/login")
    file.rename(tmp_path / "audit.log.1")
    audit.note("logout", "0", "mira", "/logout")
    assert "logout" in file.read_text() and file.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "undertow.audit"):
        Audit(tmp_path / "no" / "audit.log").note("login", "0", "mira", "/login")
    assert '"login"' in caplog.messages[0] and "The audit log cannot be written" in caplog.messages[1]


def test_guessing_does_not_fill_the_disk(tmp_path: Path) -> None:
    audit, file = Audit(tmp_path / "audit.log"), tmp_path / "audit.log"
    for _ in range(10 * REFUSED_AT_ONCE):
        audit.note("login refused", None, None, "/login")
    assert REFUSED_AT_ONCE <= len(file.read_text().splitlines()) <= REFUSED_AT_ONCE + 2
    audit.note("login", "0", "mira", "/login")
    assert '"event":"login"' in file.read_text().splitlines()[-1]
