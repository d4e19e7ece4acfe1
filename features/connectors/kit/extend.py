"""Extends a project that `undertow init --data` wrote: files that were changed since are kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from undertow.features.connectors.kit.merge_settings import merged_settings
from undertow.features.connectors.kit.recognise import Seen
from undertow.features.connectors.kit.write import EVENT_KINDS_FILE, FX_FILE, ToWrite, csv_text, project_texts
from undertow.features.connectors.kit.written import RECORD, Written, hash_of
from undertow.features.errors import SourceError
from undertow.features.publishing.versions import replace_text
from undertow.features.settings import FILE_NAME

NEW = ".new"  # ending of what would have been written in place of a changed file


@dataclass(frozen=True)
class Change:
    """What became of one file. "kept": it was changed since it was written; the new text is beside it, in FILE.new."""

    path: str
    what: Literal["added", "changed", "kept"]
    said: str = ""


def refuse_lost(seen: Seen, before: Written, added: Sequence[str]) -> None:
    """Raise SourceError where files of a connector, of the project or to be added, are not there."""
    found = {each.connector.name for each in seen.recognised}
    lost = [name for name in before.connectors if name not in found]
    if lost:
        folders = ", ".join(before.data)
        raise SourceError(f"The files of {', '.join(lost)}, of which this project is made, are no longer in {folders}. "
                          "Put them back, and run it again; nothing was changed.")  # fmt: skip
    lacking = [name for name in added if name not in found]
    if lacking:
        raise SourceError(f"No files of {', '.join(lacking)} were found. Name their folder with --data; "
                          "`undertow init --help` shows how. Nothing was changed.")  # fmt: skip


def extend_project(what: ToWrite, project: Path, before: Written) -> list[Change]:
    """Bring a project to what its files and answers make now; return what became of each file that differs.

    A file that is as it was written is replaced; of one that was changed since, the new text is written beside it,
    except that undertow.toml gets its new entries, and event_kinds.csv and fx.csv their new rows. The record is written
    last: a run that was stopped is finished by the next.
    """
    texts = project_texts(what, project, before)
    changes = []
    for path, text in texts.items():
        if path not in (FILE_NAME, RECORD):
            changes += _bring(project, path, text, before)
    changes += _bring_settings(project, texts[FILE_NAME], before)
    replace_text(project / RECORD, texts[RECORD])
    return changes


def _bring(project: Path, path: str, text: str, before: Written) -> list[Change]:
    file, was, now = project / path, before.hashes.get(path), hash_of(text)
    if not file.exists():
        if was == now:  # it was removed on purpose
            return []
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, text)
        return [Change(path, "added")]
    held = file.read_text(encoding="utf-8")
    if path in (EVENT_KINDS_FILE, FX_FILE):
        return _bring_rows(project, path, held, text)
    if hash_of(held) == now or was == now:
        return []
    if hash_of(held) == was:
        replace_text(file, text)
        return [Change(path, "changed")]
    replace_text(project / f"{path}{NEW}", text)
    return [Change(path, "kept", f"you have changed it; take what you need from {path}{NEW}")]


def _bring_rows(project: Path, path: str, held: str, text: str) -> list[Change]:
    """Add the rows whose first cell is not there yet."""
    rows = list(csv.reader(io.StringIO(held)))
    header, *given = csv.reader(io.StringIO(text))
    known = {row[0] for row in rows if row}
    more = [row for row in given if row[0] not in known]
    if not more:
        return []
    if not rows or rows[0] != header:
        replace_text(project / f"{path}{NEW}", text)
        return [Change(path, "kept", f"it has other columns; take the new rows from {path}{NEW}")]
    replace_text(project / path, csv_text([*rows, *more]))
    return [Change(path, "changed", f"{len(more)} new rows")]


def _bring_settings(project: Path, text: str, before: Written) -> list[Change]:
    file = project / FILE_NAME
    held = file.read_text(encoding="utf-8")
    if hash_of(held) == before.hashes[FILE_NAME]:
        merged, kept = text, list[str]()
    else:
        merged, kept = merged_settings(held, before.settings, text)
    if merged == held and not kept:
        return []
    replace_text(file, merged)
    said = f"as you changed them: {', '.join(kept)}; what they would be is in {FILE_NAME}{NEW}" if kept else ""
    if kept:
        replace_text(project / f"{FILE_NAME}{NEW}", text)
    return [Change(FILE_NAME, "changed", said)]
