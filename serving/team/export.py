"""Statuses and their history beside the published list, and as CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from undertow.serving.published.exports.spreadsheet import spreadsheet_text
from undertow.serving.published.scores import PublishedScores
from undertow.serving.team.answers import Status, StatusChange
from undertow.serving.team.statuses import SAID

COLUMNS = ("account_id", "name", *SAID, "version", "changed_at", "changed_by", "list")
HISTORY_COLUMNS = ("account_id", "version", "changed_at", "changed_by", *(f"before_{name}" for name in SAID), *SAID)
LEFT = "no longer on the list"


def with_names(statuses: Iterable[Status], published: PublishedScores) -> list[Status]:
    """Return statuses with the account's name, and whether it is on the published list."""
    names, found = published.table["name"], []
    for status in statuses:
        row = published.position.get(status.account_id)
        name = None if row is None else names[row].as_py()
        found.append(replace(status, name=name, on_list=row is not None))
    return found


def statuses_csv(statuses: Iterable[Status]) -> str:
    """Return statuses as CSV text; the column `list` says which accounts have left the list."""
    lines = (
        [*(getattr(status, name) for name in COLUMNS[:-1]), LEFT if status.on_list is False else ""]
        for status in statuses
    )
    return _csv(COLUMNS, lines)


def history_csv(changes: Iterable[StatusChange]) -> str:
    """Return changes as CSV text: who, when, what was before, what is since."""
    lines = (
        [change.account_id, change.version, change.changed_at, change.changed_by,
         *(getattr(change.before, name, None) for name in SAID), *(getattr(change.after, name) for name in SAID)]
        for change in changes
    )  # fmt: skip
    return _csv(HISTORY_COLUMNS, lines)


def for_spreadsheets(text: str) -> bytes:
    """Return CSV as UTF-8 with a byte order mark."""
    return codecs.BOM_UTF8 + text.encode()


def _csv(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([spreadsheet_text(each) if isinstance(each, str) else each for each in line] for line in lines)
    return text.getvalue()
