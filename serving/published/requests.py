"""Scoring requests: their types, limits and checks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from undertow.features.errors import Malformed, RequestError, did_you_mean
from undertow.serving.formatting import short

MAX_ROWS = 1000  # accounts or rows a request
BLANKS = (
    " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"  # Unicode Zs
)
NUMBERS, TEXTS = frozenset({int, float, NoneType}), frozenset({str, NoneType})
PLAIN = 1e290  # below it, a sum of numbers has only finite ones in it
MAX_SHOWN = 10  # errors listed in one answer
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
EXAMPLE_REQUEST: dict[str, Any] = {"account_ids": ["A-00042"]}
EXAMPLE_ROWS: dict[str, Any] = {
    "rows": [{"account_id": "new-1", "mrr": 1200.0, "tenure_days": 400.0, "segment": "business"}],
    "missing": "null",
}
EXAMPLE_COLUMNS: dict[str, Any] = {
    "columns": ["account_id", "mrr", "tenure_days"],
    "data": [["new-1", 1200.0, 400.0], ["new-2", 90.0, None]],
    "missing": "null",
}
FORMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AccountIds": (("account_ids",), ("explain",)),
    "Rows": (("rows",), ("as_of", "explain", "missing")),
    "ColumnsAndData": (("columns", "data"), ("as_of", "explain", "missing")),
}  # of a scoring request: what each must hold, and what it may
Cause = Literal["voluntary", "involuntary"]
Verdict = Literal["recommended", "over_budget", "does_not_pay"]  # on a contact
Missing = Literal["refuse", "null"]
CHOICES = {"missing": get_args(Missing)}
Ids = Annotated[list[str], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_ROWS})]
Value = Annotated[Any, Meta(extra_json_schema={"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]})]
Rows = Annotated[list[dict[str, Value]], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_ROWS})]
Data = Annotated[list[list[Value]], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_ROWS})]
Day = Annotated[
    date,
    Meta(
        description=f"A day from {FIRST_DAY} to {LAST_DAY}.",
        extra_json_schema={"pattern": r"^(19[789]|2[01]\d)\d-\d\d-\d\d$"},
    ),
]


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A scoring request: exactly one of `account_ids`, `rows`, or `columns` with `data`, 1 to 1000 accounts or rows.

    `account_ids`: published accounts. `rows`: feature -> value. `columns` and `data`: the same rows as names, once, and
    lists of values.

    Blanks around the ids of `account_ids` are ignored. A row holds every feature that the score is computed from: a
    number, a text for a text feature, or null where unknown; it may hold those that are evidence alone, and an
    `account_id`, which is echoed. `as_of` goes with rows (default: the day of the published scores). `explain`: false
    gives probabilities and values alone, and many rows in a fraction of the time. `missing`: "null" reads a feature
    that a row does not hold as unknown; the answer says how many these were.
    """

    account_ids: Ids | None = None
    rows: Rows | None = None
    columns: list[str] | None = None
    data: Data | None = None
    as_of: Day | None = None
    explain: bool = True
    missing: Missing = "refuse"

    @property
    def number(self) -> int:
        """How many accounts or rows are asked for."""
        return len(self.account_ids or self.rows or self.data or [])


class ShallowScoreRequest(ScoreRequest, forbid_unknown_fields=True):
    """A scoring request of which the rows are not read yet, so that they can be counted at little cost."""

    rows: list[msgspec.Raw] | None = None  # type: ignore[assignment]
    data: list[msgspec.Raw] | None = None  # type: ignore[assignment]


Request = TypeVar("Request", bound=ScoreRequest)


def read_score_request(body: bytes, kind: type[Request]) -> Request:
    """Return the request in `body`, or raise RequestError saying what to send instead."""
    try:
        request = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise RequestError(in_words(str(error), ScoreRequest)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = str(error) if isinstance(error, msgspec.DecodeError) else "it cannot be decoded"
        raise Malformed(f"The body is not valid JSON: {why}. NaN and Infinity are not JSON; send null.") from error
    given = [name for name in ("account_ids", "rows", "data") if getattr(request, name) is not None]
    if len(given) != 1 or (request.columns is None) != (request.data is None):
        raise RequestError("Send exactly one of account_ids, rows, or columns with data.")
    _check_length(given[0], getattr(request, given[0]))
    if request.as_of is not None:
        _check_as_of(request.as_of, given != ["account_ids"])
    return request


def rows_of(request: ScoreRequest) -> list[dict[str, Any]]:
    """Return the rows of a request, those sent as columns and data too. Raises RequestError where these do not fit."""
    if request.columns is None:
        return request.rows or []
    twice = [name for name in request.columns if request.columns.count(name) > 1]
    if twice:
        raise RequestError(f"columns names '{short(twice[0])}' more than once.")
    for position, values in enumerate(request.data or []):
        if len(values) != len(request.columns):
            raise RequestError(f"data[{position}] has {len(values):,} values, columns has {len(request.columns):,}.")
    return [dict(zip(request.columns, values, strict=True)) for values in request.data or []]


def trimmed(account_id: str) -> str:
    """Return an account id without surrounding blanks, as the data contract trims it (DuckDB's trim).

    >>> trimmed(" A-00042 ")
    'A-00042'
    """
    return account_id.strip(BLANKS)


def check_rows(
    rows: Sequence[Mapping[str, Any]], numbers: Sequence[str], texts: Sequence[str], needed: Sequence[str]
) -> None:
    """Raise RequestError unless each row has every needed feature, and each of its features has the right type.

    `numbers`, `texts`: the features that hold numbers and texts; `needed`: those that may not be absent. The first
    ten faults are listed.
    """
    faults: list[str] = []
    known, asked = {*numbers, *texts, "account_id"}, frozenset(needed)
    for position, row in enumerate(rows):
        if asked <= row.keys() <= known and _are_plain(row, numbers, (*texts, "account_id")):
            continue
        faults += [f"rows[{position}]: {fault}" for fault in _faults(row, numbers, texts, needed)]
        if len(faults) >= MAX_SHOWN:
            break
    if faults:
        refusal = RequestError(faults[0] if len(faults) == 1 else f"The rows cannot be scored. First: {faults[0]}")
        for fault in faults[:MAX_SHOWN]:
            refusal.add_note(fault)
        raise refusal


def _are_plain(row: Mapping[str, Any], numbers: Sequence[str], texts: Sequence[str]) -> bool:
    """Return whether all values are surely of the right type; they may be where this is false."""
    values = [*map(row.get, numbers)]
    if not NUMBERS.issuperset(map(type, values)) or not TEXTS.issuperset(map(type, map(row.get, texts))):
        return False
    try:
        return abs(math.fsum(filter(None, values))) < PLAIN
    except OverflowError:
        return False


def _faults(row: Mapping[str, Any], numbers: Sequence[str], texts: Sequence[str], needed: Sequence[str]) -> list[str]:
    known = (*numbers, *texts)
    faults = [
        f"Unknown feature '{short(name)}'.{did_you_mean(short(name), known)}"
        for name in list(row.keys() - {*known, "account_id"})[:MAX_SHOWN]
    ]
    missing = [name for name in needed if name not in row]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        faults.append(f"Missing features: {', '.join(missing[:5])}{more}. Send null where a value is unknown.")
    faults += [f"{name}: expected a finite number or null." for name in numbers if not _is_number(row.get(name))]
    faults += [f"{name}: expected a text or null." for name in texts if not _is_text(row.get(name))]
    if not _is_text(row.get("account_id")):
        faults.append("account_id: expected a text or null.")
    return faults


def _is_number(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1e300


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _check_length(field: str, sent: Sequence[object]) -> None:
    if not sent:
        raise RequestError(f"{field} is empty. Send 1 to {MAX_ROWS:,}.")
    if len(sent) > MAX_ROWS:
        raise RequestError(f"{field} holds {len(sent):,}; at most {MAX_ROWS:,} are answered at once. Split them.")


def _check_as_of(as_of: date, with_rows: bool) -> None:
    if not with_rows:
        raise RequestError("as_of goes with rows. Published accounts are answered as of the published day.")
    if not FIRST_DAY <= as_of <= LAST_DAY:
        raise RequestError(f"as_of must lie between {FIRST_DAY} and {LAST_DAY}.")


def in_words(message: str, asked: type[msgspec.Struct]) -> str:
    """Rewrite msgspec's message for the caller; it names types, never input values."""
    unknown = re.search(r"unknown field `(.*?)`", message, re.DOTALL)
    if unknown:
        name, known = short(unknown[1]), asked.__struct_fields__
        return f"Unknown field '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
    field = re.search(r"`\$\.?(.*?)`$", message)
    if "Invalid enum value" in message and field:
        return f"{field[1]}: expected {' or '.join(CHOICES[field[1]])}."
    problem = message.partition(" - at ")[0].replace("`", "")
    return short(f"{field[1]}: {problem[:1].lower()}{problem[1:]}." if field and field[1] else f"{problem}.", 300)
