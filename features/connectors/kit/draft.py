"""Drafts a project from recognised files: [files], [views] and [tables], with the answers to questions in the SQL."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undertow.features.connectors.kit.manifest import Part, Question, Yield
from undertow.features.connectors.kit.recognise import Entry, Recognised
from undertow.features.settings import Settings, make_settings
from undertow.features.tables import TABLES

SHARED = Path(__file__).parents[1] / "identity"
UNITED = ("events", "surveys")  # rows of several sources are one table; of the others one source is chosen
FIRST_FOR_ACCOUNTS = ("hubspot", "salesforce", "product")  # a CRM knows the accounts best
GRADES = ("exact", "partial", "present_only")
NO_ROWS = {  # of the shared views, where no connector has a part
    "keys": "SELECT NULL AS account_id, NULL AS kind, NULL AS key WHERE false",
    "people": "SELECT NULL AS user_id, NULL AS account_id, NULL AS email WHERE false",
    "claims": "SELECT NULL AS source, NULL AS entity, NULL AS key, NULL AS user_id, NULL AS email WHERE false",
}
SHARED_VIEWS = {"account_keys": "keys", "people": "people", "who_is_who": "claims"}  # view -> its parts


@dataclass(frozen=True)
class Asked:
    """A question to the user. `entries`: those of [files] that it is about, if it is asked for each of them."""

    of: Recognised
    question: Question
    entries: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of its answers: that of the question, or one per entry."""
        return tuple(f"{self.question.key}/{name}" for name in self.entries) or (self.question.key,)


@dataclass(frozen=True)
class Source:
    """What one table is made of."""

    table: str
    of: Recognised
    how: Yield


@dataclass
class Draft:
    """A project before it is written. `sql`: path relative to the project -> text."""

    files: dict[str, Any] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    sql: dict[str, str] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def questions(recognised: Sequence[Recognised]) -> list[Asked]:
    """Return the questions that the recognised files raise, in the order of their connectors."""
    asked = []
    for each in recognised:
        for question in each.connector.ask:
            if question.form != each.form.name or not each.has(question.needs):
                continue
            entries = tuple(entry.name for entry in each.entries.get(question.repeat, ())) if question.repeat else ()
            asked.append(Asked(each, question, entries))
    return asked


def sources(recognised: Sequence[Recognised]) -> tuple[list[Source], list[Source]]:
    """Return what each table is made of, in the order of the tables, and what could be but is not."""
    chosen, left = list[Source](), list[Source]()
    for table in TABLES:
        found = []
        for each in recognised:
            usable = [how for how in each.connector.table if how.table == table and how.form == each.form.name]
            usable = [how for how in usable if each.has(how.needs)]
            found += [Source(table, each, usable[0])] if usable else []
        found.sort(key=_preference)
        several = found if table in UNITED else found[:1]
        chosen += several
        left += found[len(several) :]
    return chosen, left


def _preference(source: Source) -> tuple[int, int]:
    names = FIRST_FOR_ACCOUNTS if source.table == "accounts" else ()
    name = source.of.connector.name
    return (names.index(name) if name in names else len(names)), GRADES.index(source.how.grade)


def files_of(recognised: Sequence[Recognised], project: Path) -> dict[str, Any]:
    """Return [files]: name -> path or a table of path, columns and optional ones, relative to the project."""
    return {entry.name: _entry(entry, project) for each in recognised for found in each.entries.values()
            for entry in found}  # fmt: skip


def _entry(entry: Entry, project: Path) -> Any:
    paths = _patterns([file.path for file in entry.files], project)
    kind = entry.kind
    is_json = all(re.search(r"\.(json|jsonl|ndjson)(\.gz)?$", file.path.name.lower()) for file in entry.files)
    columns = dict(kind.columns) if is_json else {}
    stated: dict[str, Any] = {"path": paths[0] if len(paths) == 1 else paths}
    if columns:
        stated["columns"] = columns
    optional = [name for name in kind.optional if name not in columns]
    if optional:
        stated["optional"] = optional
    return stated if len(stated) > 1 or len(paths) > 1 else paths[0]


def _patterns(paths: list[Path], project: Path) -> list[str]:
    """Return globs that match these files and no others, as short as can be, relative to the project."""
    found = []
    for folder in dict.fromkeys(path.parent for path in paths):
        names = sorted(path.name for path in paths if path.parent == folder)
        start = re.sub(r"\d[\d_.-]*$", "", _common_start(names))  # files of other days will follow
        end = re.sub(r"^[\d_.-]*\d", "", _common_start([name[len(start) :][::-1] for name in names])[::-1])
        pattern = names if len(names) == 1 else [f"{start}*{end}"]
        if len(names) > 1 and sorted(path.name for path in folder.glob(pattern[0])) != names:
            pattern = names
        found += [Path(os.path.relpath(folder.absolute() / name, project.absolute())).as_posix() for name in pattern]
    return found


def _common_start(names: Sequence[str]) -> str:
    """Return the letters with which all names begin."""
    first, last = min(names), max(names)
    alike = next((place for place, letter in enumerate(first) if letter != last[place : place + 1]), len(first))
    return first[:alike]


def draft(recognised: Sequence[Recognised], answers: Mapping[str, str], project: Path) -> Draft:
    """Return the project that these files and answers make; what was not answered has its default."""
    defaults = {ask.key: ask.default for each in recognised for ask in each.connector.ask if ask.form == each.form.name}
    answers = {**answers, **{key: text for key, text in defaults.items() if key not in answers}}
    made = Draft(files=files_of(recognised, project))
    chosen, _ = sources(recognised)
    own = [(each, part) for each in recognised for part in _parts(each)]
    views = [(each, part) for each, part in own if part.kind == "view"]
    later = _after_identity(views)
    before = [(each, part) for each, part in views if part.name not in later]
    after = [(each, part) for each, part in views if part.name in later]
    for each, part in before:
        _add_view(made, each, part, answers)
    for view, kind in SHARED_VIEWS.items():
        text = (SHARED / f"{view}.sql").read_text(encoding="utf-8")
        made.sql[f"sql/{view}.sql"] = text.replace(f"{{{kind}}}", _united(own, kind, answers))
        made.views[view] = f"sql/{view}.sql"
    for each, part in after:
        _add_view(made, each, part, answers)
    for table in dict.fromkeys(source.table for source in chosen):
        of_table = [source for source in chosen if source.table == table]
        made.sql[f"sql/{table}.sql"] = _table_sql(of_table, chosen, answers)
        made.tables[table] = f"sql/{table}.sql"
    made.settings = _settings(recognised, chosen)
    return made


def project_settings(made: Draft, project: Path, store: Path) -> Settings:
    """Return the settings of a draft, as if it had been written, with another store."""
    written: dict[str, object] = {
        "store": str(store),
        "files": made.files,
        "views": {name: made.sql[path] for name, path in made.views.items()},
        "tables": {name: made.sql[path] for name, path in made.tables.items()},
        **made.settings,
    }
    return make_settings(project, written)


def _parts(each: Recognised) -> list[Part]:
    """Return the parts of a form that can be used: of several with one name, the first."""
    parts: dict[str, Part] = {}
    for part in each.connector.part:
        if part.form == each.form.name and each.has((*part.needs, *([part.repeat] if part.repeat else []))):
            parts.setdefault(part.name, part)
    return list(parts.values())


def _after_identity(views: Sequence[tuple[Recognised, Part]]) -> set[str]:
    """Return the names of the views that use who_is_who, or a view before them that does."""
    later: set[str] = set()
    for each, part in views:
        words = set(re.findall(r"\w+", each.connector.sql(part.sql)))
        if words & {"who_is_who", *later}:
            later.add(part.name)
    return later


def _add_view(made: Draft, each: Recognised, part: Part, answers: Mapping[str, str]) -> None:
    path = f"sql/{each.connector.name}/{part.name}.sql"
    made.sql[path] = _text(each, part.sql, part.repeat, answers) + "\n"
    made.views[part.name] = path


def _united(own: Sequence[tuple[Recognised, Part]], kind: str, answers: Mapping[str, str]) -> str:
    found = [(each, part) for each, part in own if part.kind == kind]
    if kind == "keys" and not found:
        found = [(each, part) for each, part in own if part.kind == "last keys"]
    texts = [_text(each, part.sql, part.repeat, answers) for each, part in found]
    return "\nUNION ALL\n".join(texts) or NO_ROWS[kind]


def _text(each: Recognised, sql: str, repeat: str, answers: Mapping[str, str]) -> str:
    """Return a SELECT with the answers in it; one that is repeated is united over the entries."""
    text = each.connector.sql(sql)
    texts = [_filled(text.replace("{file}", entry.name), answers, f"/{entry.name}") for entry in
             each.entries.get(repeat, ())] if repeat else [_filled(text, answers, "")]  # fmt: skip
    return "\nUNION ALL\n".join(texts)


def _filled(text: str, answers: Mapping[str, str], of: str) -> str:
    for key, answer in answers.items():
        name = key.removesuffix(of) if of else key
        text = text.replace(f"{{{name}}}", answer if answer.startswith('"') else answer.replace("'", "''"))
    return text


def _table_sql(of_table: list[Source], chosen: list[Source], answers: Mapping[str, str]) -> str:
    texts = [_text(each.of, each.how.sql, "", answers) for each in of_table]
    if len(texts) > 1:
        listed = "\nUNION ALL BY NAME\n".join(f"SELECT * FROM (\n{text}\n)" for text in texts)
        return f"-- {' and '.join(each.of.connector.title for each in of_table)}.\n{listed}\n"
    if of_table[0].table != "accounts":
        return texts[0] + "\n"
    return _accounts_sql(texts[0], chosen, answers) + "\n"


def _accounts_sql(accounts: str, chosen: list[Source], answers: Mapping[str, str]) -> str:
    """Return the accounts, created no later than their first subscription and their first user."""
    firsts = []
    for source in chosen:
        if source.table in ("subscriptions", "users"):
            time = TABLES[source.table].happened_at
            text = _text(source.of, source.how.sql, "", answers)
            firsts.append(f"    SELECT account_id, CAST({time} AS TIMESTAMPTZ) AS moment FROM (\n{text}\n    )")
    if not firsts:
        return accounts
    union = "\n    UNION ALL\n".join(firsts)
    return (
        "-- An account is created when it is first seen: in the CRM, as a user, or as a subscriber.\n"
        f"WITH accounts AS (\n{accounts}\n),\nseen AS (\n{union}\n),\n"
        "first_seen AS (SELECT account_id, min(moment) AS moment FROM seen GROUP BY account_id)\n"
        "SELECT a.* REPLACE (least(CAST(a.created_at AS TIMESTAMPTZ), f.moment) AS created_at)\n"
        "FROM accounts AS a LEFT JOIN first_seen AS f USING (account_id)"
    )


def _settings(recognised: Sequence[Recognised], chosen: Sequence[Source]) -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = {}
    for each in recognised:
        for section, values in each.connector.defaults.items():
            for name, value in values.items():
                known = settings.setdefault(section, {})
                known[name] = [*known.get(name, []), *value] if isinstance(value, list) else value
    present_only = [source.table for source in chosen if source.how.grade == "present_only"]
    if present_only:
        settings.setdefault("data", {})["present_only"] = present_only
    return settings
