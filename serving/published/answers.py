"""What callers send and what we answer: the types are the documentation.

Numbers are checked by hand where a message must name the feature: `true`, "1.5", NaN and
Infinity are refused, null means unknown. A number that is not finite leaves as null.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, get_args

import msgspec

from undertow.features.errors import Malformed, RequestError, did_you_mean

MAX_ROWS = 1000  # accounts or rows a request
MAX_SHOWN = 10  # errors listed in one answer
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
EXAMPLE_REQUEST: dict[str, Any] = {"account_ids": ["A-00042"]}

Cause = Literal["voluntary", "involuntary"]
Format = Literal["json", "csv"]
CHOICES = {"cause": get_args(Cause), "format": get_args(Format)}
ByHorizon = dict[str, float | None]  # horizon in days, as text -> probability
Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_ROWS, description="How many accounts, 1 to 1000.")]
Offset = Annotated[int, msgspec.Meta(ge=0, description="How many accounts to skip.")]


# --- what callers send ---


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one of `account_ids` (published accounts) or `rows` (feature -> value), 1 to 1000.

    A row holds every feature of the model: a number, a text for a text feature, or null where
    unknown; it may carry an `account_id`, which is echoed. `as_of` goes with rows (default: the
    day of the published scores).
    """

    account_ids: list[str] | None = None
    rows: list[dict[str, Any]] | None = None
    as_of: date | None = None


class AtRiskQuery(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which accounts of the list, ranked by value at risk."""

    limit: Limit = 50
    offset: Offset = 0
    segment: str | None = None
    owner: str | None = None
    cause: Cause | None = None
    min_value: float | None = None
    format: Format = "json"


def read_score_request(body: bytes) -> ScoreRequest:
    """Return the request in `body`, or raise RequestError saying what to send instead."""
    try:
        request = msgspec.json.decode(body, type=ScoreRequest)
    except msgspec.ValidationError as error:
        raise RequestError(_in_words(str(error), ScoreRequest)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = str(error) if isinstance(error, msgspec.DecodeError) else "it cannot be decoded"
        raise Malformed(f"The body is not valid JSON: {why}. NaN and Infinity are not JSON; send null.") from error
    if (request.account_ids is None) == (request.rows is None):
        raise RequestError("Send exactly one of account_ids or rows.")
    _check_length("account_ids" if request.rows is None else "rows", request.account_ids or request.rows or [])
    if request.as_of is not None:
        _check_as_of(request.as_of, request.rows is not None)
    return request


def read_query(pairs: Sequence[tuple[str, str]]) -> AtRiskQuery:
    """Return the query behind `pairs` of name and text; an empty text means "not given"."""
    names = [name for name, _ in pairs]
    for name in names:
        if name not in AtRiskQuery.__struct_fields__:
            near = did_you_mean(short(name), AtRiskQuery.__struct_fields__)
            known = ", ".join(AtRiskQuery.__struct_fields__)
            raise RequestError(f"Unknown query parameter '{short(name)}'.{near} Known: {known}.")
        if names.count(name) > 1:
            raise RequestError(f"Query parameter '{name}' came more than once. Send it once.")
    given = {name: text for name, text in pairs if text != ""}
    try:
        query = msgspec.convert(given, AtRiskQuery, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError(_in_words(str(error), AtRiskQuery)) from error
    if query.min_value is not None and not math.isfinite(query.min_value):
        raise RequestError("min_value must be a finite amount of money.")
    return query


def check_rows(rows: Sequence[Mapping[str, Any]], numbers: Sequence[str], texts: Sequence[str]) -> None:
    """Raise RequestError unless each row gives every feature a value of its kind.

    `numbers`, `texts`: the features that hold numbers and texts. The first ten faults are listed.
    """
    faults: list[str] = []
    for position, row in enumerate(rows):
        faults += [f"rows[{position}]: {fault}" for fault in _faults(row, numbers, texts)]
        if len(faults) >= MAX_SHOWN:
            break
    if faults:
        refusal = RequestError(faults[0] if len(faults) == 1 else f"The rows cannot be scored. First: {faults[0]}")
        for fault in faults[:MAX_SHOWN]:
            refusal.add_note(fault)
        raise refusal


def _faults(row: Mapping[str, Any], numbers: Sequence[str], texts: Sequence[str]) -> list[str]:
    known = (*numbers, *texts)
    faults = [
        f"Unknown feature '{short(name)}'.{did_you_mean(short(name), known)}"
        for name in list(row.keys() - {*known, "account_id"})[:MAX_SHOWN]
    ]
    missing = [name for name in known if name not in row]
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


def _in_words(message: str, asked: type[msgspec.Struct]) -> str:
    """Put msgspec's message into the caller's words; it never holds a value, only its type."""
    unknown = re.search(r"unknown field `(.*?)`", message, re.DOTALL)
    if unknown:
        name, known = short(unknown[1]), asked.__struct_fields__
        return f"Unknown field '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
    field = re.search(r"`\$\.?(.*?)`$", message)
    if "Invalid enum value" in message and field:
        return f"{field[1]}: expected {' or '.join(CHOICES[field[1]])}."
    said = message.partition(" - at ")[0].replace("`", "")
    return short(f"{field[1]}: {said[:1].lower()}{said[1:]}." if field and field[1] else f"{said}.", 300)


def short(text: str, most: int = 80) -> str:
    """Return `text`, cut to `most` characters, so that an answer never grows with a request."""
    return text if len(text) <= most else text[: most - 1] + "…"


# --- what we answer ---


class Money(msgspec.Struct):
    """An amount over a number of months."""

    months: int
    value: float | None
    currency: str


class TopFeature(msgspec.Struct):
    """One feature's share of the score, probability points."""

    feature: str
    family: str
    contribution: float | None


class Contributions(msgspec.Struct):
    """What the score reacts to: with `baseline_probability` the families add up to the score."""

    horizon: int
    unit: str
    families: dict[str, float | None]
    top_features: list[TopFeature]


class Evidence(msgspec.Struct):
    """One measured fact behind a reason; `typical`: the median of accounts like this one."""

    feature: str
    sentence: str
    unit: str
    value: float | None
    before: float | None
    typical: float | None
    said: str


class Reason(msgspec.Struct):
    """A family that raises the score.

    `contribution`: probability points. `agreement`: share of the bag of models that put this
    family first.
    """

    family: str
    contribution: float | None
    agreement: float | None
    evidence: list[Evidence]


class Account(msgspec.Struct):
    """One account as published. Money over `clv.months`; `mrr` a month."""

    account_id: str
    name: str | None
    as_of: datetime
    segment: str | None
    country: str | None
    owner: str | None
    mrr: float | None
    currency: str
    tenure_days: float | None
    renews_at: datetime | None
    cause: str
    probability: ByHorizon
    by_cause: dict[str, ByHorizon]
    clv: Money
    clv_if_kept: float | None
    value_at_risk: float | None
    baseline_probability: float | None
    contributions: Contributions
    reasons: list[Reason]
    model_version: str


class AtRiskAnswer(msgspec.Struct):
    """A page of the list. `total`, `value_at_risk`: of all accounts that match, not of this page."""

    run_id: str
    model_version: str
    as_of: str
    headline: int
    currency: str
    total: int
    value_at_risk: float | None
    limit: int
    offset: int
    accounts: list[Account]


class Scored(msgspec.Struct):
    """One scored account or row."""

    account_id: str | None
    probability: ByHorizon
    by_cause: dict[str, ByHorizon]
    clv: Money
    value_at_risk: float | None
    baseline_probability: float | None
    contributions: Contributions


class ScoreAnswer(msgspec.Struct):
    """Scores in the order asked."""

    model_version: str
    as_of: date
    results: list[Scored]


class Problem(msgspec.Struct, omit_defaults=True):
    """The one shape of every error: RFC 9457, application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[str] = []


def account_answer(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> Account:
    """Return the answer for one row of scores.parquet, with its flat columns folded."""
    horizons, families = manifest["horizons"], manifest["families"]
    told: dict[str, Any] = {name: row.get(name) for name in Account.__struct_fields__}
    told |= {
        "as_of": utc(row["as_of"]),
        "renews_at": None if row.get("renews_at") is None else utc(row["renews_at"]),
        "probability": {str(h): row[f"p_{h}"] for h in horizons},
        "by_cause": {cause: {str(h): row[f"p_{cause}_{h}"] for h in horizons} for cause in get_args(Cause)},
        "clv": Money(manifest["value_months"], row["clv"], row["currency"]),
        "contributions": Contributions(
            manifest["headline"],
            "probability",
            {family: row[f"probability_{family}"] for family in families},
            [msgspec.convert(feature, TopFeature) for feature in row.get("top_features") or []],
        ),
        "reasons": [msgspec.convert(reason, Reason) for reason in row.get("reasons") or []],
    }
    return Account(**told)


def utc(moment: datetime) -> datetime:
    """Return a moment with its zone said; what is stored without one is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def finite(value: Any) -> Any:
    """Return `value` with every number that is not finite, at any depth, as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list) else value


# --- OpenAPI, from the types above ---


def openapi(version: str = "1") -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of /v1."""
    types = (ScoreRequest, ScoreAnswer, AtRiskAnswer, Account, Problem)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_name = {kind.__name__: schema for kind, schema in zip(types, schemas, strict=True)}
    account_id = {"name": "account_id", "in": "path", "required": True, "schema": {"type": "string"}}
    asked = {
        "required": True,
        "content": {"application/json": {"schema": by_name["ScoreRequest"], "example": EXAMPLE_REQUEST}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Undertow", "version": version, "description": "Churn probability and lifetime value."},
        "paths": {
            "/v1/score": {
                "post": _operation("Score known accounts or feature rows.", by_name["ScoreAnswer"], requestBody=asked)
            },
            "/v1/at-risk": {
                "get": _operation(
                    "Accounts ranked by value at risk.", by_name["AtRiskAnswer"], parameters=_parameters(), csv=True
                )
            },
            "/v1/accounts/{account_id}": {
                "get": _operation("One account as published.", by_name["Account"], parameters=[account_id])
            },
            "/v1/drivers": {"get": _operation("What the scores react to, overall and by segment.", {"type": "object"})},
        },
        "components": {"schemas": components},
    }


def _operation(summary: str, answer: dict[str, Any], csv: bool = False, **more: Any) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    content: dict[str, Any] = {"application/json": {"schema": answer}}
    if csv:
        content["text/csv"] = {"schema": {"type": "string"}}
    answers = {
        "200": {"description": "The answer.", "content": content},
        "default": {"description": "What went wrong, and what to do.", "content": problem},
    }
    return {"summary": summary, **more, "responses": answers}


def _parameters() -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components((AtRiskQuery,))
    properties = components["AtRiskQuery"]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]
