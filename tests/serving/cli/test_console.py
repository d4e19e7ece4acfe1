"""What the commands print on the console: plain JSON, tables and progress."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date

import pytest
from typer.testing import Result

from undertow.serving.cli.console import new_table, print_json, progress, show


def test_json_has_no_nan_and_days_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"as_of": date(2024, 3, 1), "share": 0.5, "name": "[b]bold[/b]"})
    assert json.loads(capsys.readouterr().out) == {"as_of": "2024-03-01", "share": 0.5, "name": "[b]bold[/b]"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"share": float("nan")})


@pytest.mark.parametrize("words", ["check --json", "metrics --format json", "drivers --json", "at-risk --format json"])
def test_standard_output_holds_json_alone_also_where_colours_are_forced(demo: tuple[str, Result], words: str) -> None:
    command = [sys.executable, "-c", "from undertow.serving.cli.commands import app; app()", *words.split()]
    environment = {**os.environ, "FORCE_COLOR": "1"}
    done = subprocess.run([*command, "--project", demo[0]], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout, parse_constant=pytest.fail)


def test_a_table_folds_long_texts_and_cuts_off_none(capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table("Name", "Number", right=(1,))
    table.add_row("word " * 60, "1")
    show(table)
    shown = capsys.readouterr().out
    assert shown.split().count("word") == 60
    assert "…" not in shown


def test_progress_is_shown_on_standard_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as report_progress:
        report_progress("features", 0.5)
        report_progress("features", 1.0)
    assert capsys.readouterr().out == ""
