"""Errors of a command, printed on standard error; the command then exits with 1."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from undertow.features.errors import UndertowError
from undertow.features.settings import load_settings
from undertow.serving.cli import console
from undertow.serving.cli.options import HERE
from undertow.serving.cli.os_errors import explain


def refusing(command: Any) -> Any:
    """Print an UndertowError, or an error of the operating system, on standard error and exit with 1."""

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except Exception as error:  # also DuckDB's, whose classes only features.engines imports; others are raised on
            said = explain(error, _written(options)) or (str(error) if isinstance(error, UndertowError) else None)
            if said is None:
                raise
            console.err.print(f"[bold red]undertow:[/] {escape(said)}", soft_wrap=True)
            raise typer.Exit(1) from error

    return run


def _written(options: dict[str, Any]) -> Path:
    """Return the folder that a command writes: the store of its project, or the one named by --out."""
    folder = Path(options.get("out") or options.get("project") or HERE)
    try:
        return load_settings(folder).store_path()
    except (UndertowError, OSError):
        return folder
