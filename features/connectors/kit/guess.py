"""Guesses answers from the files, the kinds of events among them, so that a user only has to confirm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undertow.features.connectors.kit.draft import Asked, files_of
from undertow.features.connectors.kit.recognise import Recognised
from undertow.features.engines.duckdb import Connection, rows
from undertow.features.errors import DataError
from undertow.features.settings import make_settings
from undertow.features.sources.files.opened import opened_sources

KINDS = (  # pattern of a name in lower case -> kind, and the name that is kept (a group of the pattern)
    (r"(.*?)[ _.-]*(?:web[ _-]?vitals?)(?:[ _.-]*(?:measured|reported|sent))?$", "web_vital"),
    (r"(.*?)[ _.-]*(?:started|begun|initiated|opened_form)$", "task_started"),
    (r"(.*?)[ _.-]*(?:failed|failure|aborted|abandoned)$", "task_failed"),
    (r"(.*?)[ _.-]*(?:purchased?|upgraded|checkout_completed|order_completed|converted|subscribed)$", "conversion"),
    (r"(.*?)[ _.-]*(?:completed|finished|succeeded|done)$", "task_completed"),
    (r"(.*?)[ _.-]*(?:log(?:ged)?[ _]?in|sign(?:ed)?[ _]?in|session_start)$", "login"),
    (r"(.*?)[ _.-]*(?:crash(?:ed)?)$", "crash"),
    (r"(.*?)[ _.-]*(?:error|exception)(?:[ _.-]*(?:shown|occurred|raised))?$", "error"),
    (r"(.*?)[ _.-]*(?:rage[ _]?click(?:ed)?)$", "rage_click"),
    (r"(.*?)[ _.-]*(?:dead[ _]?click(?:ed)?)$", "dead_click"),
    (r"(.*?)[ _.-]*(?:shown|displayed|seen|impression)$", "impression"),
    (r"(.*?)[ _.-]*(?:click(?:ed)?|tapped|pressed)$", "click"),
    (r"(.*?)[ _.-]*(?:view(?:ed)?|visited|page)$", "page_view"),
    (r"(.*?)[ _.-]*(?:used|created|added|edited|updated|exported|imported|invited|shared|searched|sent|saved)$",
     "feature_used"),
)  # fmt: skip
OTHERWISE = "feature_used"
MOST_NAMES = 500


@dataclass(frozen=True)
class EventName:
    """A name that a product gives to events of its own, how many rows have it, and the kind and name guessed of it."""

    event: str
    rows: int
    kind: str
    name: str


@dataclass(frozen=True)
class Proposed:
    """Proposed answers, key -> answer; `from_data`: the keys of those that the files gave, and no default."""

    answers: dict[str, str]
    from_data: frozenset[str]
    events: tuple[EventName, ...]


def guess_kind(event: str) -> tuple[str, str]:
    """Return the kind of event that a name suggests, and what is left of the name.

    >>> guess_kind("export_file_failed"), guess_kind("user logged in"), guess_kind("filters_used")
    (('task_failed', 'export_file'), ('login', 'user'), ('feature_used', 'filters'))
    """
    for pattern, kind in KINDS:
        found = re.fullmatch(pattern, event.strip().lower())
        if found:
            return kind, found[1].strip(" _.-") or event
    return OTHERWISE, event


def guesses(recognised: Sequence[Recognised], asked: Sequence[Asked], project: Path) -> Proposed:
    """Return a proposed answer to every question, and the names of the product's own events, frequent first."""
    settings = make_settings(project, {"files": files_of(recognised, project)})
    with opened_sources(settings) as connection:
        found = {key: _guess(connection, each, key) for each in asked for key in each.keys}
        names: dict[str, int] = {}
        for each in recognised:
            for where in each.connector.event_names:
                if where.form == each.form.name:
                    for row in rows(connection, where.sql, each.connector.title):
                        names[str(row["event"])] = names.get(str(row["event"]), 0) + int(str(row["rows"]))
    defaults = {key: each.question.default for each in asked for key in each.keys}
    answers = {key: defaults[key] if answer is None else answer for key, answer in found.items()}
    frequent = sorted(names.items(), key=lambda item: (-item[1], item[0]))[:MOST_NAMES]
    return Proposed(
        answers, frozenset(key for key, answer in found.items() if answer is not None),
        tuple(EventName(event, count, *guess_kind(event)) for event, count in frequent),
    )  # fmt: skip


def _guess(connection: Connection, asked: Asked, key: str) -> str | None:
    question = asked.question
    if not question.guess:
        return None
    sql = question.guess.replace("{file}", key.partition("/")[2])
    try:
        found = [value for row in rows(connection, sql, question.key) for value in row.values()]
    except DataError:  # a proposal only: without the column it looks for, there is none
        return None
    return str(found[0]) if found and found[0] is not None else None
