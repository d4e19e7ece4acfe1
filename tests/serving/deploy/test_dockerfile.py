"""The Dockerfile passes its linter, and starts the command that exists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from undertow.serving.cli.commands import app

DOCKERFILE = Path(__file__).parents[3] / "serving" / "deploy" / "Dockerfile"


def test_the_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text().replace("python:3.11-slim\n", "python\n").replace("USER 10001\n", ""))
    linter = Path(sys.executable).with_name("hadolint")
    assert subprocess.run([linter, wrong], capture_output=True).returncode == 1


def test_the_options_of_the_image_are_those_of_serve() -> None:
    said = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
    command = DOCKERFILE.read_text().rpartition("CMD ")[2]
    options = [word for word in command.replace('"', " ").replace(",", " ").split() if word.startswith("--")]
    assert options == ["--project", "--host", "--port"] and all(option in said for option in options)
