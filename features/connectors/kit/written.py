"""The record of what `undertow init --data` wrote (sql/init.json), by which `--add` detects what was changed since."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from undertow.features.errors import SettingsError
from undertow.features.settings import FILE_NAME
from undertow.features.settings.frozen import Frozen

RECORD = "sql/init.json"


class Written(Frozen):
    """The project as it was written.

    `data`: folders of exports, relative to the project. `connectors`: those that were used. `answers`: key of a
    question -> answer. `report`: currency of reports, "" where there is one alone. `settings`: text of undertow.toml.
    `hashes`: path of each file -> SHA-256 of its text.
    """

    format: Literal[1] = 1
    data: tuple[str, ...]
    connectors: tuple[str, ...]
    answers: dict[str, str]
    report: str
    settings: str
    hashes: dict[str, str]

    def text(self) -> str:
        """Return the record as the text of its file."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"


def hash_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex."""
    return sha256(text.encode()).hexdigest()


def hashes_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Return path -> SHA-256 of each text."""
    return {path: hash_of(text) for path, text in sorted(texts.items())}


def relative_folders(folders: Iterable[Path], project: Path) -> tuple[str, ...]:
    """Return folders relative to the project, each once, with slashes."""
    found = (Path(os.path.relpath(folder.absolute(), project.absolute())).as_posix() for folder in folders)
    return tuple(dict.fromkeys(found))


def read_written(project: Path) -> Written:
    """Return the record of a project. Raises SettingsError where there is none, or it cannot be read."""
    path = project / RECORD
    try:
        return Written.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SettingsError(
            f"{path} does not exist, and --add extends a project that `undertow init --data` wrote. Run it in an empty "
            f"folder, or add the files to {FILE_NAME} by hand."
        ) from None
    except ValidationError as error:
        raise SettingsError(
            f"{path} cannot be read, so that --add does not know what you have changed. Put it back as "
            "`undertow init` wrote it, or run `undertow init --data` in an empty folder and compare."
        ) from error
