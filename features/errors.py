"""Every refusal Undertow can make, as one small tree.

UndertowError
├── SettingsError        undertow.toml cannot be used as it stands
├── DataError            the rows we were given cannot be used
│   ├── SourceError      a source file is missing, empty or unreadable
│   ├── ContractError    a table breaks its contract for too many rows
│   └── LeakFound        the audit found a feature that knows the future
├── DefinitionError      a feature is written in a way that cannot be compiled
├── TimeError            an as_of or a window lies where nothing can be known
├── ModelRefusal         the data are fine but no honest model follows from them
├── NothingPublished     a reader came before the first scores were published
└── RequestError         a caller asked for something that we cannot answer
    ├── Malformed        a request's body is not JSON at all
    ├── UnknownAccount   no such account in the published scores
    └── TooLarge         a request over a stated limit

A message says what was expected, what came, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UndertowError(Exception):
    """Anything that Undertow refuses; the message is meant for the person who asked."""


class SettingsError(UndertowError):
    """undertow.toml cannot be used as it stands."""


class DataError(UndertowError):
    """The rows we were given cannot be used."""


class SourceError(DataError):
    """A source file is missing, empty or unreadable."""


class ContractError(DataError):
    """A table breaks its contract for too many of its rows."""


class LeakFound(DataError):
    """The audit found a feature that knows the future."""


class DefinitionError(UndertowError):
    """A feature is written in a way that cannot be compiled."""


class TimeError(UndertowError):
    """An as_of or a window lies where nothing can be known."""


class ModelRefusal(UndertowError):
    """The data are readable but no honest model follows from them."""


class NothingPublished(UndertowError):
    """A reader came before the first scores were published."""


class RequestError(UndertowError):
    """A caller asked for something that cannot be answered."""


class Malformed(RequestError):
    """A request's body is not JSON at all."""


class UnknownAccount(RequestError):
    """No such account in the published scores."""


class TooLarge(RequestError):
    """A request over a stated limit."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known name, or an empty string."""
    near = get_close_matches(name, list(known), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def first_lines(error: Exception) -> str:
    """Return what an engine's error says first, without the query it points into."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith("LINE ") and set(line.strip()) != {"^"}]
    return " ".join(kept[:3])
