"""The OpenAPI description of /v1, built from the request and answer types."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.exceptions import HTTPException

from undertow.features.errors import (
    ListReplaced,
    Malformed,
    NothingPublished,
    RequestError,
    TooLarge,
    UnknownAccount,
)
from undertow.serving.api import request_id, which_list
from undertow.serving.api.limits import MAX_BODY, TOO_LARGE, TOO_SLOW
from undertow.serving.api.prepared import STREAMED
from undertow.serving.api.problems import COME_BACK, internal_error, problem_of
from undertow.serving.published.answers import Account, AtRiskAnswer, Problem, ScoreAnswer
from undertow.serving.published.descriptions import Drivers, Features, Journeys, Model, Personas
from undertow.serving.published.exports.files import FILES
from undertow.serving.published.history.account import AccountHistory
from undertow.serving.published.history.portfolio import Portfolio
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.overviews.drivers_by_month import DriversByMonth
from undertow.serving.published.overviews.drivers_query import DriversQuery
from undertow.serving.published.requests import (
    EXAMPLE_COLUMNS,
    EXAMPLE_REQUEST,
    EXAMPLE_ROWS,
    FORMS,
    ScoreRequest,
)
from undertow.serving.team.answers import AccountStatus, StatusHistory, StatusList, View, ViewList
from undertow.serving.team.requests import HistoryQuery, StatusQuery, StatusRequest, ViewRequest

Json = dict[str, Any]
ABOUT = f"""\
Churn probability and lifetime value of accounts, as published, and of feature rows, scored live.

Every error is `application/problem+json` (RFC 9457) and says what was expected, what came and what to do; a method that
an address does not answer is 405. Numbers that are not known are null. Answers to GET carry an `ETag` and may be kept
by the caller, who asks again with `If-None-Match`; answers to POST are not to be kept. Lists, drivers, features and the
model come gzipped to those who accept it. A body may be sent with `Content-Encoding: gzip`, up to
{MAX_BODY // 1_000_000} MB unpacked. An `X-Request-ID` of up to 64 letters, digits and . _ - is answered with; else a
new one is."""
WRONG: dict[int, tuple[str, Exception]] = {
    400: (
        "The body is not valid JSON, or not the gzip it claims to be; or not exactly one Host header came.",
        Malformed("The body is not valid JSON."),
    ),
    401: ("A key is needed, and none that counts came.", HTTPException(401, "Expected a key: send Authorization: …")),
    403: ("The key's role or owner does not allow it.", HTTPException(403, "The key 'mira' is a reader's; …")),
    404: (
        "No such account or view; or the service has no database of statuses.",
        UnknownAccount("No account 'A-1' among those scored as of 2025-07-01."),
    ),
    408: ("The body did not arrive in time.", HTTPException(408, TOO_SLOW)),
    409: (
        "The list of `run` is no longer answered from: start again at the first page. Or the status was changed since "
        "it was read, or the name of the view is taken: read again.",
        ListReplaced("The list '2025-06-01-…' is no longer answered from, now '2025-07-01-…' is. Start again …"),
    ),
    413: ("The body is too large.", TooLarge(TOO_LARGE)),
    415: ("Another media type, or another packing than gzip.", HTTPException(415, "Expected …")),
    421: ("The service does not answer to this name.", HTTPException(421, "The service does not answer to the host …")),
    422: ("A field or parameter is not as described.", RequestError("limit: expected int >= 1.")),
    429: ("The key has asked too often.", HTTPException(429, "The key 'mira' may ask 600 times a minute. Try again …")),
    503: (
        "Nothing is published, the list, the model or the team's database cannot be read, or too many rows wait to be "
        "scored.",
        NothingPublished("Nothing is published yet. Run `undertow score` in the project."),
    ),
    504: ("The rows were not scored in time.", HTTPException(504, "The rows were not scored within 300 s. Send …")),
}  # status -> when it is answered, and an example
GUARDED = (400, 401, 403, 421, 429)  # of every request
EXAMPLES = {
    "account_ids": ("Published accounts", EXAMPLE_REQUEST),
    "rows": ("Rows of features; /v1/features says which", EXAMPLE_ROWS),
    "columns": ("The same rows, each name once", EXAMPLE_COLUMNS),
}


@cache
def openapi_json() -> bytes:
    """Return the description as JSON."""
    return msgspec.json.encode(openapi())


@cache
def openapi_tag() -> str:
    """Return what names this description: another one has another tag."""
    return f"{zlib.crc32(openapi_json()):08x}"


def openapi() -> Json:
    """Return the OpenAPI 3.1 description of /v1; its version is that of the installed package."""
    of_lists = (ScoreRequest, ScoreAnswer, AtRiskAnswer, Account, AccountHistory, Portfolio)
    of_all = (Drivers, DriversByMonth, Features, Model, Journeys, Personas)
    types = (*of_lists, *of_all, Problem)
    of_team = (StatusRequest, AccountStatus, StatusList, StatusHistory, ViewRequest, View, ViewList)
    _, schemas = msgspec.json.schema_components((*types, *of_team), ref_template="#/components/schemas/{name}")
    schemas |= _forms(schemas["ScoreRequest"])
    _type_choices(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Undertow",
            "version": version("undertow"),
            "summary": "Churn probability and lifetime value.",
            "description": ABOUT,
        },
        "servers": [{"url": ".", "description": "Where this description was found."}],
        "tags": [
            {"name": "lists", "description": "The published list of accounts at risk."},
            {"name": "scores", "description": "Scores of accounts and of feature rows."},
            {"name": "models", "description": "What the scores are made of."},
            {"name": "team", "description": "Statuses of accounts and saved views, in a database of the team's own."},
        ],
        "paths": _paths(),
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}, {}],  # a service on 127.0.0.1 may be open
    }


def _paths() -> Json:
    return {
        "/v1/score": {"post": _score()},
        "/v1/at-risk": {"get": _at_risk()},
        "/v1/accounts/{account_id}/history": {"get": _account_history()},
        "/v1/accounts/{account_id}": {"get": _account()},
        "/v1/portfolio": {
            "get": _get("getPortfolio", "lists", Portfolio, "The list by owner and by segment, with what moved.")
        },
        "/v1/drivers": {
            "get": _get(
                "getDrivers",
                "models",
                Drivers,
                "Contributions to the scores by feature family, overall and by segment.",
            )
        },
        "/v1/drivers/months": {
            "get": _get(
                "getDriversByMonth",
                "models",
                DriversByMonth,
                "What the scores of all accounts or of a group react to, month by month, beside business metrics.",
                _query(DriversQuery),
            )
        },
        "/v1/journeys": {
            "get": _get(
                "getJourneys",
                "models",
                Journeys,
                "Touchpoints in order: metrics, accounts in each, churn and value of those who met trouble there.",
            )
        },
        "/v1/personas": {
            "get": _get(
                "getPersonas",
                "models",
                Personas,
                "Stable groups of accounts by behaviour: share, profile, churn and value of each.",
            )
        },
        "/v1/features": {
            "get": _get(
                "getFeatures",
                "models",
                Features,
                "What each feature of a row is: sentence, type, unit, known texts, what null means.",
            )
        },
        "/v1/model": {
            "get": _get("getModel", "models", Model, "The version of the model: dates, results, verdict, model card.")
        },
        **_paths_of_team(),
    }


def _paths_of_team() -> Json:
    of_account = [_account_id()]
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[^/]+$"}}
    named = [name | {"example": "My book"}]
    whole = {"text/csv": {"schema": {"type": "string"}}}
    return {
        "/v1/statuses": {
            "get": _of_team("listStatuses", StatusList, "Statuses that were set.", _query(StatusQuery), more=whole)
        },
        "/v1/statuses/{account_id}": {
            "get": _of_team("getStatus", AccountStatus, "The status of an account, with its history.", of_account),
            "put": _of_team("setStatus", AccountStatus, "Set the status of an account.", of_account, StatusRequest),
        },
        "/v1/status-history": {
            "get": _of_team("listHistory", StatusHistory, "Changes of statuses.", _query(HistoryQuery), more=whole)
        },
        "/v1/views": {"get": _of_team("listViews", ViewList, "The saved views that the caller may use.")},
        "/v1/views/{name}": {
            "get": _of_team("getView", View, "A saved view.", named),
            "put": _of_team("saveView", View, "Save a view, over one's own of that name.", named, ViewRequest),
            "delete": _of_team("removeView", View, "Remove one's own view.", named),
        },
    }


def _of_team(
    operation: str,
    answer: type,
    summary: str,
    parameters: Sequence[Json] = (),
    body: type | None = None,
    more: Mapping[str, Json] | None = None,
) -> Json:
    """Return an operation on the team's database, whose answers are not kept; `more`: other forms of the answer."""
    content = {"application/json": {"schema": _reference(answer)}, **(more or {})}
    sent = {"required": True, "content": {"application/json": {"schema": _reference(body)}}} if body else None
    of_body = (408, 409, 413, 415) if body else ()
    return {
        **_named(operation, "team", summary),
        "parameters": [*parameters, _sent(request_id.HEADER, "An id of this request, for logs.")],
        **({"requestBody": sent} if sent else {}),
        "responses": {
            "200": _answer(content, _headers()),
            **_refusals(*GUARDED, 404, *of_body, 422, 500, 503),
        },
    }


def _score() -> Json:
    examples = {name: {"summary": summary, "value": value} for name, (summary, value) in EXAMPLES.items()}
    content = {"schema": _reference(ScoreRequest), "examples": examples}
    return {
        **_named("score", "scores", "Score known accounts, with unknown ids listed beside them, or feature rows."),
        "description": "Unknown ids cost their own answer; 404 only where none is known. Rows are scored live.",
        "parameters": [_sent(request_id.HEADER, "An id of this request, for logs.")],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": _answer({"application/json": {"schema": _reference(ScoreAnswer)}}, _headers()),
            **_refusals(*GUARDED, 404, 408, 413, 415, 422, 500, 503, 504),
        },
    }


def _at_risk() -> Json:
    made = _get("listAtRisk", "lists", AtRiskAnswer, "Accounts ranked by value at risk.", _query(AtRiskQuery), (409,))
    made["description"] = (
        "JSON comes in pages: follow `next`, or the Link header, until it is null. It names the list it belongs to; "
        "once that is replaced by a newer one the answer is 409, and the pages begin again. Other forms hold the whole "
        "list (a workbook up to 20,000 accounts), unless `limit` is given. A parameter that is sent empty counts as "
        "not given."
    )
    found = made["responses"]["200"]
    found["content"] |= {kind: {"schema": {"type": "string"}} for kind in STREAMED.values()}
    found["content"] |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind, _ in FILES.values()}
    found["headers"]["Link"] = _header("Where the next page is, rel=next.")
    return made


def _account() -> Json:
    summary = "One account as published, with its reasons."
    return _get("getAccount", "lists", Account, summary, [_account_id()], (404,))


def _account_history() -> Json:
    summary = "What every list said of one account, also of one that has left the list."
    return _get("getAccountHistory", "lists", AccountHistory, summary, [_account_id()], (404,))


def _account_id() -> Json:
    schema = {"type": "string", "minLength": 1}
    what = {"description": "Blanks around it are ignored. A slash may be sent as it is or as %2F."}
    return {"name": "account_id", "in": "path", "required": True, "schema": schema, "example": "A-00042", **what}


def _get(
    operation: str, tag: str, kind: type, summary: str, parameters: Sequence[Json] = (), more: Sequence[int] = ()
) -> Json:
    """Return a GET operation that answers from the publication; `more`: statuses beside those of every GET."""
    asked = [
        _sent("If-None-Match", "The ETag of an answer that the caller has."),
        _sent(request_id.HEADER, "An id of this request, for logs."),
    ]
    etag = {"ETag": _header("Names this answer, for If-None-Match.")}
    return {
        **_named(operation, tag, summary),
        "parameters": [*parameters, *asked],
        "responses": {
            "200": _answer({"application/json": {"schema": _reference(kind)}}, _headers() | etag),
            "304": {"description": "The caller has this answer already.", "headers": _headers() | etag},
            **_refusals(*GUARDED, *more, 422, 500, 503),
        },
    }


def _named(operation: str, tag: str, summary: str) -> Json:
    return {"operationId": operation, "tags": [tag], "summary": summary}


def _answer(content: Json, headers: Json) -> Json:
    return {"description": "The answer.", "headers": headers, "content": content}


def _refusals(*statuses: int) -> Json:
    return {str(status): _refusal(status) for status in sorted(statuses)}


def _refusal(status: int) -> Json:
    if status == 500:
        when, example = "A fault of ours; the log has it under a number.", internal_error("3f9a01bc")
    else:
        when, error = WRONG[status]
        example = problem_of(error, status, getattr(error, "detail", str(error)))
    content = {"schema": _reference(Problem), "example": msgspec.to_builtins(example)}
    headers = _headers()
    if status in (429, *COME_BACK):
        headers["Retry-After"] = _header("Seconds to wait.", "integer")
    if status == 401:
        headers["WWW-Authenticate"] = _header("Bearer.")
    return {"description": when, "headers": headers, "content": {"application/problem+json": content}}


def _headers() -> Json:
    unreadable = {"type": "string", "enum": ["unreadable"]}
    return {
        which_list.LIST: _header("The run_id of the list that this was answered from, once there is one."),
        which_list.NEWER: {"description": "There where a newer list cannot be read.", "schema": unreadable},
        request_id.HEADER: _header("The id of this request, in the log too."),
    }


def _header(description: str, kind: str = "string") -> Json:
    return {"description": description, "schema": {"type": kind}}


def _sent(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _query(kind: type) -> list[Json]:
    """Return the query parameters of a list; one that may be absent is not null in a URL."""
    _, schemas = msgspec.json.schema_components((kind,))
    parameters = []
    for name, schema in schemas[kind.__name__]["properties"].items():
        plain = _not_null(schema)
        _type_choices(plain)
        if plain.get("default") in ((), []):  # a list that is not given
            del plain["default"]
        described = {"description": plain.pop("description")}
        parameters.append({"name": name, "in": "query", **described, "allowEmptyValue": True, "schema": plain})
    return parameters


def _forms(request: Json) -> Json:
    """Return the schema of a scoring request as one of its forms, and each of these."""
    properties = request["properties"]
    forms = {
        name: {
            "title": name,
            "type": "object",
            "properties": {field: _not_null(properties[field]) for field in needed}
            | {field: properties[field] for field in options},
            "required": list(needed),
            "additionalProperties": False,
        }
        for name, (needed, options) in FORMS.items()
    }
    one_of = [{"$ref": f"#/components/schemas/{name}"} for name in forms]
    whole = {"title": request["title"], "description": request["description"], "oneOf": one_of}
    return forms | {"ScoreRequest": whole}


def _type_choices(schema: Any) -> None:
    """Say of every choice between texts, at any depth, that it is a text: some makers of clients need it."""
    if isinstance(schema, dict):
        if "enum" in schema:
            schema["type"] = "string"
        for part in schema.values():
            _type_choices(part)
    elif isinstance(schema, list):
        for part in schema:
            _type_choices(part)


def _not_null(schema: Mapping[str, Any]) -> Json:
    """Return the schema of a value that is given, of one that may also be null."""
    options = schema.get("anyOf", [])
    if {"type": "null"} not in options:
        return dict(schema)
    [given] = [option for option in options if option != {"type": "null"}]
    return dict(given)


def _reference(kind: type) -> Json:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
