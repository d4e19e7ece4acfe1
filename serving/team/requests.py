"""What is asked of the team's database: types, limits and checks, for the HTTP API, the forms and the command line."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from undertow.features.errors import Malformed, RequestError, did_you_mean
from undertow.serving.formatting import short
from undertow.serving.published.list_query import A_PAGE, MAX_OFFSET
from undertow.serving.published.requests import FIRST_DAY, LAST_DAY, MAX_ROWS, trimmed

State = Literal["open", "contacted", "snoozed", "done"]
STATES: tuple[State, ...] = get_args(State)
LONGEST_NOTE, LONGEST_OWNER = 500, 100  # characters
LIKE_A_DAY = "expected a day such as 2026-03-31"
Day = Annotated[
    date,
    Meta(description=f"A day from {FIRST_DAY} to {LAST_DAY}.", extra_json_schema={"pattern": r"^(19[789]|2[01]\d)\d-"}),
]
Note = Annotated[str, Meta(extra_json_schema={"maxLength": LONGEST_NOTE})]
Owner = Annotated[str, Meta(extra_json_schema={"maxLength": LONGEST_OWNER})]
Version = Annotated[int, Meta(ge=0, le=2_000_000_000)]
Form = Literal["json", "csv"]
Accounts = Annotated[list[str], Meta(description="Only these accounts; may be repeated.")]
Whose = Annotated[str, Meta(description="Only accounts that this person works on.")]
Limit = Annotated[
    int, Meta(ge=1, le=MAX_ROWS, description=f"How many. Not given: {A_PAGE} of JSON, or all of CSV.")
]
Offset = Annotated[int, Meta(ge=0, le=MAX_OFFSET, description="How many to skip.")]
OneState = Annotated[State, Meta(description="Only accounts with this status today.")]
AsCalled = Annotated[Form, Meta(description="JSON, or CSV for spreadsheets.")]


class StatusRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A status that is set. `until`: of snoozed and of no other, the day on which it is open again, after today (UTC).

    `owner`: who works on the account. `note`: up to 500 characters. `version`: of the status that was seen, 0 where
    there was none; where the status is another one by now, nothing is changed (409). Without it the last one counts.
    """

    status: State
    until: Day | None = None
    owner: Owner | None = None
    due: Day | None = None
    note: Note = ""
    version: Version | None = None


class ViewRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A view that is saved. `query`: of the list, such as segment=business&min_value=500. `shared`: with all keys."""

    query: str
    shared: bool = False


class StatusQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Query of the statuses: those that were set, the earliest due first."""

    status: OneState | None = None
    owner: Whose | None = None
    account_id: Accounts = []
    limit: Limit | UnsetType = UNSET
    offset: Offset = 0
    format: AsCalled = "json"


class HistoryQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Query of the changes of statuses, the newest first."""

    account_id: Accounts = []
    limit: Limit | UnsetType = UNSET
    offset: Offset = 0
    format: AsCalled = "json"


Query = TypeVar("Query", StatusQuery, HistoryQuery)
Body = TypeVar("Body", StatusRequest, ViewRequest)
CHOICES: dict[str, tuple[str, ...]] = {"status": STATES, "format": get_args(Form)}


def most(query: StatusQuery | HistoryQuery) -> int | None:
    """Return how many lines are answered at most; None: all of them."""
    if isinstance(query.limit, UnsetType):
        return A_PAGE if query.format == "json" else None
    return query.limit


def read_team_query(pairs: Sequence[tuple[str, str]], kind: type[Query]) -> Query:
    """Return the query from pairs of parameter name and text; an empty text means "not given". Raises RequestError."""
    known = kind.__struct_fields__
    given: dict[str, Any] = {}
    name: str
    text: str
    for name, text in pairs:
        if name not in known:
            near = did_you_mean(short(name), known)
            raise RequestError(f"Unknown query parameter '{short(name)}'.{near} Known: {', '.join(known)}.")
        if name == "account_id":
            given[name] = [*given.get(name, []), *([trimmed(text)] if trimmed(text) else [])]
        elif name in given:
            raise RequestError(f"Query parameter '{name}' was given more than once. Send it once.")
        elif text != "":
            given[name] = text
    if len(given.get("account_id", [])) > MAX_ROWS:
        raise RequestError(f"account_id was given more than {MAX_ROWS:,} times. Ask in parts.")
    return _converted(lambda: msgspec.convert(given, kind, strict=False), given)


def read_body_as(body: bytes, kind: type[Body]) -> Body:
    """Return the request in a JSON body. Raises RequestError, naming the field, and Malformed where it is no JSON."""
    try:
        return _converted(lambda: msgspec.json.decode(body, type=kind), {})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("The body is not valid JSON.") from error


def _converted(convert: Any, given: dict[str, Any]) -> Any:
    try:
        return convert()
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        field = where.strip("`.").partition("[")[0]
        if field in CHOICES and "enum" in what:
            sent = f", got '{short(str(given[field]))}'" if field in given else ""
            raise RequestError(f"{field}: expected {' or '.join(CHOICES[field])}{sent}.") from error
        said = what[:1].lower() + what[1:].replace("`", "") if field else what.replace("`", "'")
        raise RequestError(short(f"{field}: {said}." if field else f"{said}.", 300)) from error


def read_form_as_status(sent: dict[str, str]) -> StatusRequest:
    """Return the status that a form holds. Raises RequestError in the words of the form.

    A day that is left over from an earlier snooze is not taken where another status is chosen.
    """
    status = sent.get("status", "")
    if status not in STATES:
        raise RequestError(f"Status: expected {' or '.join(STATES)}, got '{short(status)}'.")
    version = sent.get("version", "")
    if not version.isdecimal() or len(version) > 9:
        raise RequestError("The form is incomplete. Open the page again.")
    return StatusRequest(
        status=status,
        until=read_day("Snoozed until", sent.get("until", "")) if status == "snoozed" else None,
        owner=sent.get("owner"),
        due=read_day("Due", sent.get("due", "")),
        note=sent.get("note", ""),
        version=int(version),
    )


def read_day(name: str, text: str) -> date | None:
    """Return a day written as 2026-03-31, or None for an empty text. Raises RequestError, naming the field."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise RequestError(f"{name}: {LIKE_A_DAY}, got '{short(text)}'.") from error


def checked(request: StatusRequest, today: date) -> StatusRequest:
    """Return a status as it is stored, blanks around its texts removed. Raises RequestError for what cannot be meant.

    `today`: in UTC; a snoozed account comes back on a later day.
    """
    owner = trimmed(request.owner or "") or None
    note = request.note.replace("\r\n", "\n").strip()
    _refuse_until(request, today)
    _refuse_day("due", request.due)
    if owner is not None:
        _refuse_text("owner", owner, LONGEST_OWNER)
    _refuse_text("note", note, LONGEST_NOTE, "\n\t")
    return StatusRequest(request.status, request.until, owner, request.due, note, request.version)


def _refuse_until(request: StatusRequest, today: date) -> None:
    if request.status != "snoozed":
        if request.until is not None:
            raise RequestError(f"until goes with the status snoozed, got {request.status}. Leave it out.")
        return
    if request.until is None:
        raise RequestError(f"Snoozed needs the day on which the account comes back (until), from {_next(today)} on.")
    if request.until <= today:
        raise RequestError(
            f"Snoozed until {request.until}: expected a day after today ({today}, UTC), from {_next(today)} on."
        )
    _refuse_day("until", request.until)


def _next(today: date) -> date:
    return today + timedelta(days=1)


def _refuse_day(name: str, day: date | None) -> None:
    if day is not None and not FIRST_DAY <= day <= LAST_DAY:
        raise RequestError(f"{name}: expected a day from {FIRST_DAY} to {LAST_DAY}, got {day}.")


def _refuse_text(name: str, text: str, longest: int, allowed: str = "") -> None:
    if len(text) > longest:
        raise RequestError(f"{name}: expected at most {longest} characters, got {len(text):,}. Shorten it.")
    if any(unicodedata.category(each) in ("Cc", "Cs") and each not in allowed for each in text):
        raise RequestError(f"{name}: expected text without control characters. Remove them.")
