"""Shipped connectors: a settings file and one SELECT a table for a known export.

    connectors/<name>/undertow.toml    settings; {data} stands for the folder of the files
    connectors/<name>/sql/*.sql        copied beside it, to be read and changed
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from undertow.features.errors import SettingsError, SourceError, did_you_mean
from undertow.features.settings import FILE_NAME, load_settings
from undertow.features.sources.files import source_files

FOLDER = Path(__file__).parent
EMPTY = "empty"


def connectors() -> list[str]:
    """Return the names of the connectors a user can ask for."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE_NAME}") if path.parent.name != EMPTY)


def write_project(connector: str, data: Path, folder: Path) -> Path:
    """Write a connector's settings and SELECTs into `folder`; return the settings file.

    Raises SettingsError where the connector is unknown or the folder already has settings, and
    SourceError where `data` lacks the files; nothing is written then.
    """
    template = FOLDER / connector
    if not (template / FILE_NAME).exists():
        known = ", ".join(connectors())
        hint = did_you_mean(connector, connectors())
        raise SettingsError(f"Unknown connector '{connector}'; known: {known}.{hint}")
    written = folder / FILE_NAME
    if written.exists():
        raise SettingsError(f"{written} exists already. Remove it, or choose another folder with --project.")
    if not data.is_dir():
        raise SourceError(f"--data {data} is not a folder. Give the folder that holds the exported files.")
    folder.mkdir(parents=True, exist_ok=True)
    text = (template / FILE_NAME).read_text(encoding="utf-8")
    written.write_text(text.replace("{data}", _relative(data, folder)), encoding="utf-8")
    _require_files(folder, written)
    if (template / "sql").is_dir():
        shutil.copytree(template / "sql", folder / "sql", dirs_exist_ok=True)
    return written


def _require_files(folder: Path, written: Path) -> None:
    settings = load_settings(folder)
    try:
        for name in settings.files:
            source_files(settings, name)
    except SourceError:
        written.unlink()
        raise


def _relative(data: Path, folder: Path) -> str:
    return Path(os.path.relpath(data.absolute(), folder.absolute())).as_posix()
