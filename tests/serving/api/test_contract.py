"""Schemathesis finds no answer that breaks the OpenAPI description, in hundreds of requests, good and bad."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.core.transport import Response

from tests.serving.client import Client
from undertow.serving.api.app import make_app
from undertow.serving.published.list_query import OF_CSV

OPERATIONS = ("POST /v1/score", "GET /v1/at-risk", "GET /v1/accounts/{account_id}", "GET /v1/drivers",
              "GET /v1/drivers/months", "GET /v1/journeys", "GET /v1/personas", "GET /v1/features", "GET /v1/model",
              "GET /v1/portfolio", "GET /v1/accounts/{account_id}/history")  # fmt: skip
OF_TEAM = ("GET /v1/statuses", "GET /v1/status-history", "GET /v1/views", "PUT /v1/statuses/{account_id}",
           "PUT /v1/views/{name}")  # fmt: skip
MONTHS = "GET /v1/drivers/months"
WITH_LIMITS = (*OPERATIONS[:2], MONTHS)  # others take what no request can break
EXAMPLES = 50
PATIENCE = 90  # seconds until a busy machine has started the process that scores rows
Json = dict[str, Any]
SEVERAL = ("segment", "owner", "country")


@pytest.fixture(scope="module")
def described(client: Client) -> Json:
    """The description as a caller reads it."""
    read: Json = client.get("/openapi.json").json()
    return read


@pytest.fixture(scope="module")
def known(client: Client, described: Json) -> Json:
    """The description with what a caller learns from the service: ids, segments, owners, and the features of a row."""
    narrow = copy.deepcopy(described)
    listed = client.get("/v1/at-risk").json()
    values: dict[str, list[str]] = {"renews_from": ["2025-02-01"], "renews_to": ["2025-12-31"]}
    several = {name: sorted({each[name] for each in listed["accounts"] if each[name]}) for name in SEVERAL}
    values |= {"run": [listed["run_id"]], "account_id": [each["account_id"] for each in listed["accounts"]]}
    asked = narrow["paths"]["/v1/at-risk"]["get"]["parameters"]
    if not any(each["moved"] for each in listed["accounts"]):  # the list was not compared with one before it
        asked[:] = [each for each in asked if each["name"] != "moved"]
    asked[:] = [each for each in asked if each["name"] not in OF_CSV]  # refused beside another format
    for path in ("/v1/at-risk", "/v1/accounts/{account_id}", "/v1/accounts/{account_id}/history"):
        for parameter in narrow["paths"][path]["get"]["parameters"]:
            if parameter["name"] in several:
                parameter["schema"]["items"] = {"type": "string", "enum": several[parameter["name"]]}
            if parameter["name"] in values:
                parameter["schema"] = {"type": "string", "enum": values[parameter["name"]]}
    months = client.get("/v1/drivers/months").json()
    known_months = {"segment": months["ways"][0]["names"], "from": [months["months"][1]["as_of"]],
                    "to": [months["months"][-1]["as_of"]]}  # fmt: skip
    asked = narrow["paths"]["/v1/drivers/months"]["get"]
    sent = [each for each in asked["parameters"] if each["name"] in known_months or each["in"] == "header"]
    for each in sent:  # one way of grouping: two at once are refused
        if each["name"] in known_months:
            each["schema"] = {"type": "string", "enum": known_months[each["name"]]}
    asked["parameters"] = sent
    _narrow_rows(narrow["components"]["schemas"], client.get("/v1/features").json()["features"])
    return narrow


def _narrow_rows(schemas: Json, features: list[Json]) -> None:
    kinds = {each["name"]: {"anyOf": [{"type": _kind(each)}, {"type": "null"}]} for each in features}
    required = [each["name"] for each in features if each["required"]]
    row = {"type": "object", "properties": kinds, "required": required, "additionalProperties": False}
    schemas["Rows"]["properties"]["rows"] |= {"items": row, "maxItems": 3}
    table = schemas["ColumnsAndData"]["properties"]
    table["columns"] = {"type": "array", "const": list(kinds)}
    null = {"type": "array", "items": {"type": "null"}, "minItems": len(kinds), "maxItems": len(kinds)}
    table["data"] |= {"items": null, "maxItems": 3}


def _kind(feature: Json) -> str:
    return "string" if feature["type"] == "text" else "number"


def _run(client: Client, description: Json, operation: str, mode: GenerationMode, *excluded: Any) -> int:
    """Send requests of an operation; return how many were answered with 200. Raises what schemathesis finds."""
    schema = schemathesis.openapi.from_dict(description)
    schema.app = client.app
    answered = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(case=schema.find_operation_by_label(operation).as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        nonlocal answered
        answer = case.call(timeout=PATIENCE)
        case.validate_response(answer, excluded_checks=[*excluded, *_of_no_meaning(answer)])
        answered += answer.status_code == 200

    holds()
    return answered


@pytest.fixture(scope="module")
def team(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client of an app with a database of statuses and views."""
    return Client(make_app(store, team=str(tmp_path_factory.mktemp("team") / "team.db")))


@pytest.mark.parametrize("operation", OF_TEAM)
def test_whatever_is_asked_of_the_team_is_answered_as_described(team: Client, described: Json, operation: str) -> None:
    """Accounts and filters of views are not in the description: what is valid may be refused."""
    _run(team, described, operation, GenerationMode.POSITIVE, positive_data_acceptance)
    if operation != "GET /v1/views":  # which no request can break
        _run(team, described, operation, GenerationMode.NEGATIVE, negative_data_rejection)


def _of_no_meaning(answer: Response) -> list[Any]:
    """A parameter that is sent empty counts as not given (allowEmptyValue), which schemathesis takes for invalid."""
    sent = parse_qsl(urlsplit(answer.request.url).query, keep_blank_values=True)
    return [negative_data_rejection] if "" in dict(sent).values() else []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_valid_and_known_is_accepted_and_answered_as_described(
    client: Client, known: Json, operation: str
) -> None:
    assert _run(client, known, operation, GenerationMode.POSITIVE) > 0


@pytest.mark.parametrize("operation", (*OPERATIONS[:3], MONTHS))
def test_what_is_valid_and_unknown_is_answered_as_described(client: Client, described: Json, operation: str) -> None:
    """Names of features, segments and owners are not in the description: these may be refused."""
    _run(client, described, operation, GenerationMode.POSITIVE, positive_data_acceptance)


@pytest.mark.parametrize("operation", WITH_LIMITS)
def test_what_is_invalid_is_refused_as_described(client: Client, described: Json, operation: str) -> None:
    _run(client, described, operation, GenerationMode.NEGATIVE)
