"""Every exception that Undertow raises, as one small tree.

UndertowError
├── SettingsError        undertow.toml or an option is missing or invalid
├── DataError            the input rows cannot be used
│   ├── SourceError      a source file is missing, empty or unreadable
│   ├── ContractError    a table breaks its data contract for too many rows
│   └── LeakFound        leakage: a feature uses values that were not known at prediction time
├── DefinitionError      a feature definition cannot be compiled
├── TimeError            an as_of is not a midnight UTC, or a time lies outside the recorded rows
├── ModelRefusal         no usable model: too few churners, no matured test window, or nothing trained yet
├── NothingPublished     no scores are published yet
├── Unreadable           published scores are damaged, or of another release
├── AccessError          the keys of the service cannot be read, or a key cannot be added or revoked
├── PushError            a destination cannot be reached, or refuses what is sent to it
├── TeamError            the database of statuses and views cannot be read or written
└── RequestError         a request that cannot be answered
    ├── Malformed        the request body is not valid JSON
    ├── UnknownAccount   no such account in the published scores
    ├── UnknownView      no such saved view of the list
    ├── NoTeam           there is no database of statuses and views
    ├── ListReplaced     the list that a page was asked of is no longer the one in memory
    ├── ChangedSince     somebody else changed a status or a view since it was read
    └── TooLarge         the request exceeds a stated limit

A message says what was expected, what was given ("got"), and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


class UndertowError(Exception):
    """Base class of all Undertow errors; the message is written for the user."""


class SettingsError(UndertowError):
    """undertow.toml or an option is missing or invalid."""


class DataError(UndertowError):
    """The input rows cannot be used."""


class SourceError(DataError):
    """A source file is missing, empty or unreadable."""


class ContractError(DataError):
    """A table breaks its data contract for too many of its rows."""


class LeakFound(DataError):
    """Leakage: a feature uses values that were not known at prediction time."""


class DefinitionError(UndertowError):
    """A feature definition cannot be compiled."""


class TimeError(UndertowError):
    """An as_of is not a midnight UTC, or a time lies outside the recorded rows."""


class ModelRefusal(UndertowError):
    """No usable model: too few churners, no matured test window, or nothing trained yet."""


class NothingPublished(UndertowError):
    """No scores are published yet."""


class Unreadable(UndertowError):
    """Published scores are damaged, or were written by another release."""


class AccessError(UndertowError):
    """The keys of the service cannot be read, or a key cannot be added or revoked."""


class PushError(UndertowError):
    """A destination cannot be reached, or refuses what is sent to it."""


class TeamError(UndertowError):
    """The database of statuses and views cannot be read or written."""


class RequestError(UndertowError):
    """A request that cannot be answered."""


class Malformed(RequestError):
    """The request body is not valid JSON."""


class UnknownAccount(RequestError):
    """No such account in the published scores."""


class UnknownView(RequestError):
    """No such saved view of the list."""


class NoTeam(RequestError):
    """There is no database of statuses and views."""


class ListReplaced(RequestError):
    """The list that a page was asked of is no longer the one in memory."""


class ChangedSince(RequestError):
    """Somebody else changed a status or a view since it was read."""


class TooLarge(RequestError):
    """The request exceeds a stated limit."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the most similar known name, or an empty string.

    >>> did_you_mean("eror_rate_30", ["error_rate_30", "nps"])
    " Did you mean 'error_rate_30'?"
    """
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def first_lines(error: Exception) -> str:
    """Return the first three lines of a database error, joined, without the quoted query."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith("LINE ") and set(line.strip()) != {"^"}]
    return " ".join(kept[:3])


def with_place(error: Exception, lines_before: int = 0) -> str:
    """Return the first three lines of a database error, and below them the line of the query with a caret.

    `lines_before`: the lines of the query in front of the user's own; a place among them is left out.
    """
    lines = [line for line in str(error).splitlines() if line.strip()]
    place = next((number for number, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    said = " ".join(lines[: min(place, 3)])
    found = re.match(r"LINE (\d+): ", lines[place]) if place + 1 < len(lines) else None
    number = int(found[1]) - lines_before if found else 0
    if found is None or number < 1:
        return said
    label = f"line {number}: "
    caret = lines[place + 1].rstrip()[found.end() :]
    return f"{said}\n  {label}{lines[place][found.end() :]}\n  {' ' * len(label)}{caret}"
