"""Connectors: a settings file and one SELECT per table for a known export format.

    connectors/<name>/undertow.toml    settings; {data} is replaced by the folder of the exported files
    connectors/<name>/sql/*.sql        copied beside the settings, where the user can change them
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from undertow.features.errors import SettingsError, SourceError, did_you_mean
from undertow.features.settings import FILE_NAME, load_settings
from undertow.features.settings.source_files import SourceFiles
from undertow.features.sources.files.read import source_files

FOLDER = Path(__file__).parent
EMPTY = "empty"


def connectors() -> list[str]:
    """Return the names of the connectors, sorted; the empty template is not among them."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE_NAME}") if path.parent.name != EMPTY)


def write_project(connector: str, data: Path, folder: Path) -> Path:
    """Write a connector's settings and SELECTs into `folder`; return the path of the settings file.

    Raises SettingsError where the connector is unknown or the folder already has settings, and
    SourceError where files are missing in `data`; no file is written then.
    """
    template = FOLDER / connector
    if not (template / FILE_NAME).exists():
        known = ", ".join(connectors())
        hint = did_you_mean(connector, connectors())
        raise SettingsError(f"Unknown connector '{connector}'; known: {known}.{hint}")
    settings_file = folder / FILE_NAME
    if settings_file.exists():
        raise SettingsError(f"{settings_file} exists already. Remove it, or choose another folder with --project.")
    if not data.is_dir():
        raise SourceError(f"--data {data} is not a folder. Give the folder that holds the exported files.")
    folder.mkdir(parents=True, exist_ok=True)
    text = (template / FILE_NAME).read_text(encoding="utf-8")
    settings_file.write_text(text.replace("{data}", _relative(data, folder)), encoding="utf-8")
    _require_files(folder, settings_file)
    if (template / "sql").is_dir():
        shutil.copytree(template / "sql", folder / "sql", dirs_exist_ok=True)
    return settings_file


def _require_files(folder: Path, settings_file: Path) -> None:
    """Remove the settings file again and raise SourceError where one of the exported files is missing."""
    settings = load_settings(folder)
    try:
        for name, entry in settings.files.items():
            if isinstance(entry, SourceFiles):  # rows of a database are asked for when they are read
                source_files(settings, name)
    except SourceError:
        settings_file.unlink()
        raise


def _relative(data: Path, folder: Path) -> str:
    return Path(os.path.relpath(data.absolute(), folder.absolute())).as_posix()
