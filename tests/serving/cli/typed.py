"""Commands of `undertow` as they are typed, run in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from undertow.serving.cli.commands import app


def undertow(*words: str, answers: str | None = None) -> Result:
    """Type a command, and `answers` where it asks; what was not expected to be raised is raised here too."""
    result = CliRunner().invoke(app, list(words), input=answers)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def json_of(*words: str) -> Any:
    """The JSON that a command prints on standard output."""
    result = undertow(*words)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout, parse_constant=pytest.fail)
