"""Recognises which kind of file of which connector each exported file is, by its columns and first rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undertow.features.connectors.kit.look import LookedAt
from undertow.features.connectors.kit.manifest import Connector, FileKind, Form


@dataclass(frozen=True)
class Entry:
    """Files of one kind, which become one entry of [files]."""

    name: str
    kind: FileKind
    files: tuple[LookedAt, ...]

    @property
    def columns(self) -> frozenset[str]:
        """Return the columns that at least one of the files has, in lower case."""
        return frozenset(name.lower() for file in self.files for name in file.columns)


@dataclass(frozen=True)
class Recognised:
    """One connector whose files were found, in the form that is used.

    `entries`: kind of file -> its entries. `set_aside`: files of other forms of it, with the reason.
    """

    connector: Connector
    form: Form
    entries: dict[str, tuple[Entry, ...]]
    set_aside: tuple[tuple[LookedAt, str], ...] = ()

    def has(self, needs: Sequence[str]) -> bool:
        """Return whether files of all these kinds were found."""
        return all(name in self.entries for name in needs)


@dataclass(frozen=True)
class Seen:
    """What the folders hold: recognised connectors, files that nothing recognised, and files that cannot be read."""

    recognised: tuple[Recognised, ...]
    unknown: tuple[LookedAt, ...]
    unreadable: tuple[LookedAt, ...]
    incomplete: tuple[str, ...]  # connectors of which a required file is missing, in sentences


def recognise(files: Sequence[LookedAt], connectors: Sequence[Connector]) -> Seen:
    """Return what the files are. A file that fits several kinds is the one of which it has the most columns."""
    readable = [file for file in files if not file.problem]
    by_connector: dict[str, dict[str, list[LookedAt]]] = {}
    unknown = []
    for file in readable:
        fits = [(connector, kind) for connector in connectors for kind in connector.file if _fits(file, kind)]
        if not fits:
            unknown.append(file)
            continue
        connector, kind = max(fits, key=lambda fit: len(fit[1].has) + len(fit[1].where))
        by_connector.setdefault(connector.name, {}).setdefault(f"{kind.form}/{kind.name}", []).append(file)
    recognised, incomplete = [], []
    for connector in connectors:
        if connector.name in by_connector:
            found, missing = _choose_form(connector, by_connector[connector.name])
            recognised += [found] if found else []
            incomplete += [missing] if missing else []
    unreadable = tuple(file for file in files if file.problem)
    return Seen(tuple(recognised), tuple(unknown), unreadable, tuple(incomplete))


def _fits(file: LookedAt, kind: FileKind) -> bool:
    columns = {name.lower() for name in file.columns}
    if any(name.lower() not in columns for name in kind.has) or any(name.lower() in columns for name in kind.lacks):
        return False
    return all(str(row.get(name)) == value for name, value in kind.where.items() for row in file.rows[:3])


def _choose_form(connector: Connector, found: dict[str, list[LookedAt]]) -> tuple[Recognised | None, str]:
    """Return the first form all of whose required files were found, or a sentence that names the missing ones."""
    usable = [form for form in connector.form if not _missing(connector, form, found)]
    if not usable:
        begun = [form for form in connector.form if any(key.startswith(f"{form.name}/") for key in found)]
        form = min(begun, key=lambda each: len(_missing(connector, each, found)))
        lacking = "; ".join(f"{kind.name} ({kind.about})" for kind in _missing(connector, form, found))
        return None, f"{connector.title}, {form.title}: there is no file of {lacking}. {form.export}"
    form = usable[0]
    entries = {
        kind.name: _entries(kind, found[f"{form.name}/{kind.name}"])
        for kind in connector.files_of(form.name)
        if f"{form.name}/{kind.name}" in found
    }
    aside = tuple(
        (file, f"another form of {connector.title}; {form.title} says more, and forms are not mixed")
        for key, files in found.items()
        if not key.startswith(f"{form.name}/")
        for file in files
    )
    return Recognised(connector, form, entries, aside), ""


def _missing(connector: Connector, form: Form, found: dict[str, list[LookedAt]]) -> list[FileKind]:
    kinds = connector.files_of(form.name)
    return [kind for kind in kinds if kind.required and f"{form.name}/{kind.name}" not in found]


def _entries(kind: FileKind, files: list[LookedAt]) -> tuple[Entry, ...]:
    if not kind.each:
        return (Entry(kind.name, kind, tuple(files)),)
    return tuple(Entry(f"{kind.name}_{_plain(file.path)}", kind, (file,)) for file in files)


def _plain(path: Path) -> str:
    return re.sub(r"\W+", "_", path.name.split(".")[0].lower()).strip("_")
