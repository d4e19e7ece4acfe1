"""Writes a drafted project: undertow.toml, its SELECTs, event_kinds.csv and fx.csv. Nothing is overwritten."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from undertow.features.connectors.kit.draft import Asked, Draft, Source
from undertow.features.connectors.kit.guess import EventName
from undertow.features.connectors.kit.recognise import Recognised
from undertow.features.connectors.kit.written import RECORD, Written, hashes_of, relative_folders
from undertow.features.errors import SettingsError
from undertow.features.settings import FILE_NAME

EVENT_KINDS_FILE, FX_FILE = "event_kinds.csv", "fx.csv"
BARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


@dataclass(frozen=True)
class ToWrite:
    """What a project is written from.

    `folders`: where the exports are. `rates`: currency -> units of it per unit of `report`, if no file gives rates.
    """

    folders: Sequence[Path]
    recognised: Sequence[Recognised]
    chosen: Sequence[Source]
    draft: Draft
    asked: Sequence[Asked]
    answers: Mapping[str, str]
    events: Sequence[EventName] = ()
    report: str = ""
    rates: Mapping[str, float] | None = None

    @property
    def names_events(self) -> bool:
        """Whether a SELECT of these forms reads event_kinds.csv, which may hold no event."""
        return any(where.form == each.form.name for each in self.recognised for where in each.connector.event_names)


def refuse_existing(project: Path) -> None:
    """Raise SettingsError where a file that would be written is there already."""
    for name in (FILE_NAME, "sql", EVENT_KINDS_FILE, FX_FILE):
        if (project / name).exists():
            raise SettingsError(
                f"{project / name} exists already, and nothing is overwritten. Remove it, or choose another folder "
                "with --project."
            )


def write_project(what: ToWrite, project: Path) -> Path:
    """Write a new project, all of it or nothing; return the path of undertow.toml. Raises SettingsError as above."""
    refuse_existing(project)
    project.mkdir(parents=True, exist_ok=True)
    staged = Path(mkdtemp(prefix=".undertow-init-", dir=project))
    try:
        for name, text in project_texts(what, project).items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_text(text, encoding="utf-8")
        for path in sorted(staged.iterdir(), key=lambda each: each.name == FILE_NAME):  # the settings last
            path.rename(project / path.name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return project / FILE_NAME


def project_texts(what: ToWrite, project: Path, before: Written | None = None) -> dict[str, str]:
    """Return path -> text of every file of a project. `before`: as it was written, if it is extended."""
    name = str(tomllib.loads(before.settings)["name"]) if before else project.resolve().name
    texts = dict(what.draft.sql)
    if what.names_events:
        texts[EVENT_KINDS_FILE] = csv_text(
            [["event", "rows", "kind", "name"], *([e.event, e.rows, e.kind, e.name] for e in what.events)]
        )
    if what.rates:
        texts[FX_FILE] = csv_text([["currency", f"per_{what.report.lower()}", "valid_from"],
                               *([currency, rate, "1980-01-01"] for currency, rate in what.rates.items())])  # fmt: skip
        texts["sql/rates.sql"] = (
            f"-- What one unit of a currency is worth in {what.report}. One fixed rate keeps MRR from moving with the "
            "market.\n"
            f"SELECT currency, valid_from, 1.0 / CAST(per_{what.report.lower()} AS DOUBLE) AS rate FROM fx\n"
        )
    texts[FILE_NAME] = _toml(what, name)
    written = Written(
        data=relative_folders(what.folders, project),
        connectors=tuple(each.connector.name for each in what.recognised),
        answers=dict(what.answers),
        report=what.report,
        settings=texts[FILE_NAME],
        hashes=hashes_of(texts),
    )
    return texts | {RECORD: written.text()}


def _toml(what: ToWrite, name: str) -> str:
    made = what.draft
    lines = [
        "# Written by `undertow init`: which files are read, and how. Change it, or the SELECTs in sql/, as you like.",
        "# `undertow init` without options, in an empty folder, writes a template of every setting, with comments.",
        f"name = {_value(name)}",
        'store = "store"',
        "",
        "[files]",
    ]
    for found in what.recognised:
        lines.append(f"# {found.connector.title}: {found.form.title}")
        names = [entry.name for entries in found.entries.values() for entry in entries]
        lines += [f"{entry} = {_value(made.files[entry])}" for entry in names]
    if what.names_events:
        lines += ["# The kind of each event of your own: correct it where the guess is wrong",
                  f'event_kinds = "{EVENT_KINDS_FILE}"']  # fmt: skip
    if what.rates:
        lines.append(f'fx = "{FX_FILE}"')
    lines += ["", "# Computed once, in this order, and used by the tables"]
    lines += ["[views]", *(f"{view} = {_value(path)}" for view, path in made.views.items())]
    lines += ["", "[tables]"]
    for table, path in made.tables.items():
        grades = [f"{source.of.connector.title}, {source.how.grade.replace('_', ' ')}"
                  + (f" but {source.how.but}" if source.how.but else "")
                  for source in what.chosen if source.table == table]  # fmt: skip
        lines += [f"# {'; '.join(grades)}", f"{table} = {_value(path)}"]
    if what.rates:
        lines.append('rates = "sql/rates.sql"')
    settings = {section: dict(values) for section, values in made.settings.items()}
    if what.report:
        settings.setdefault("currency", {})["report"] = what.report
    for section, values in settings.items():
        lines += ["", f"[{section}]", *(f"{key} = {_value(value)}" for key, value in values.items())]
    lines += ["", "# A database of the team's own, in which signed-in users set statuses of accounts and save views:",
              "# [team]", '# database = "team.db"']  # fmt: skip
    lines += ["", "# Answers that the SELECTs were written with:"]
    for each in what.asked:
        lines.append(f"# {each.question.question} {', '.join(what.answers[key] for key in each.keys)}")
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """Return a value in TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # texts, numbers, true and false are written alike in JSON and TOML


def _key(name: str) -> str:
    return name if name and not set(name) - set(BARE) else json.dumps(name, ensure_ascii=False)


def csv_text(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
