"""The description of the API is valid OpenAPI 3.1, names every route, and its examples are answered."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema_rs import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.serving.client import Client
from tests.serving.described import check_described, validator
from undertow.serving.api.openapi import EXAMPLES, openapi
from undertow.serving.api.problems import STATUS
from undertow.serving.published.list_query import MAX_OFFSET, AtRiskQuery
from undertow.serving.published.requests import MAX_ROWS


def _operations() -> dict[str, dict[str, Any]]:
    """Return operations by their path; those beside the first of a path have their method in front of it."""
    return {
        path if number == 0 else f"{method.upper()} {path}": operation
        for path, methods in openapi()["paths"].items()
        for number, (method, operation) in enumerate(methods.items())
    }


def test_every_route_of_v1_is_described_and_no_other(client: Client) -> None:
    described = client.get("/openapi.json").json()
    routes = {route.path.replace(":path", "") for route in client.app.routes if route.path.startswith("/v1")}
    assert described["paths"].keys() == routes
    assert described["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    text = msgspec.json.encode(described).decode()
    for reference in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert reference in described["components"]["schemas"]


def test_the_description_is_valid_openapi_3_1() -> None:
    assert list(OpenAPIV31SpecValidator(openapi()).iter_errors()) == []


def test_every_operation_has_its_name_and_says_what_it_answers() -> None:
    names = [operation["operationId"] for operation in _operations().values()]
    assert len(set(names)) == len(names) == 19
    for operation in _operations().values():
        assert operation["summary"] and operation["tags"]
        assert {"200", "422", "500", "503"} <= operation["responses"].keys()
        assert all(answer["description"] for answer in operation["responses"].values())


def test_every_status_of_an_error_is_described_with_an_example_of_its_kind() -> None:
    described = {status: answer for each in _operations().values() for status, answer in each["responses"].items()}
    assert {str(status) for status in STATUS.values()} <= described.keys()
    for status, answer in described.items():
        if int(status) >= 400:
            example = answer["content"]["application/problem+json"]["example"]
            assert example["status"] == int(status)
            validator("#/components/schemas/Problem").validate(example)


def test_the_parameters_of_the_list_have_their_words_ranges_and_choices() -> None:
    parameters = {each["name"]: each for each in _operations()["/v1/at-risk"]["parameters"] if each["in"] == "query"}
    assert list(parameters) == list(AtRiskQuery.__struct_fields__)
    schemas = {name: each["schema"] for name, each in parameters.items()}
    assert (schemas["limit"]["minimum"], schemas["limit"]["maximum"]) == (1, MAX_ROWS)
    assert (schemas["offset"]["minimum"], schemas["offset"]["maximum"]) == (0, MAX_OFFSET)
    assert schemas["cause"]["enum"] == ["involuntary", "voluntary"] and "ndjson" in schemas["format"]["enum"]
    assert all(each["description"] for each in parameters.values())
    assert "null" not in str(schemas)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_a_request_are_of_one_form_and_answered(client: Client, name: str) -> None:
    _, sent = EXAMPLES[name]
    validator("#/components/schemas/ScoreRequest").validate(sent)
    assert client.post("/v1/score", json=sent).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [{}, {"account_ids": ["a"], "rows": [{}]}, {"account_ids": []}, {"columns": ["a"]}, {"rows": [{"a": [1]}]},
     {"rows": [{}], "as_of": "1969-12-31"}, {"acount_ids": ["a"]}],
)  # fmt: skip
def test_what_is_refused_is_of_no_form(client: Client, sent: dict[str, Any]) -> None:
    assert not validator("#/components/schemas/ScoreRequest").is_valid(sent)
    assert client.post("/v1/score", json=sent).status_code == 422


def test_an_answer_that_is_not_as_described_is_found() -> None:
    """Of the check that every answer of these tests goes through."""
    request = httpx.Request("GET", "http://test/v1/accounts/zero")
    for status, kind, body, error in (
        (200, "application/json", {"account_id": 1}, ValidationError),
        (418, "application/problem+json", {}, AssertionError),
        (404, "application/json", {}, KeyError),
    ):
        with pytest.raises(error):
            check_described("GET", httpx.Response(status, json=body, headers={"Content-Type": kind}, request=request))


def test_the_description_is_found_below_a_prefix_and_not_sent_twice(client: Client) -> None:
    answer = client.get("/openapi.json")
    assert httpx.URL("https://host/undertow/openapi.json").join(answer.json()["servers"][0]["url"]).path == "/undertow/"
    again = client.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
