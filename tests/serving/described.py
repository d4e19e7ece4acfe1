"""Whether an answer is one of those that the OpenAPI description tells of: status, media type, headers and schema."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
from jsonschema_rs import Draft202012Validator

from undertow.serving.api.openapi import GUARDED, openapi

HOLDS_BY_ITSELF = {"content-length", "content-type", "cache-control", "vary", "x-content-type-options"}
HOLDS_BY_ITSELF |= {"content-encoding", "content-disposition"}  # said of all answers, in words


def check_described(method: str, answer: httpx.Response) -> None:
    """Assert that an answer of /v1 is as described; a method or address that is not described answers 404 or 405."""
    if not answer.request.url.path.startswith("/v1"):
        return
    responses = _responses("GET" if method == "HEAD" else method, answer.request.url.path)
    if responses is None:
        assert answer.status_code in (*GUARDED, 404, 405, 500, 503)
        return
    assert str(answer.status_code) in responses, f"{answer.status_code} is not described: {answer.text[:300]}"
    described = responses[str(answer.status_code)]
    headers = {name.lower() for name in described["headers"]}
    assert set(answer.headers) - HOLDS_BY_ITSELF <= headers
    if answer.status_code == 304:
        assert answer.content == b""
        return
    kind = answer.headers["content-type"].partition(";")[0]
    content = described["content"][kind]
    if method != "HEAD" and kind.endswith("json") and not kind.endswith("ndjson"):
        validator(content["schema"]["$ref"]).validate(answer.json())


@cache
def validator(reference: str) -> Draft202012Validator:
    """Return the validator of a schema of the description."""
    return Draft202012Validator(
        {"$ref": reference, "components": _description()["components"]},
        validate_formats=True,
    )


@cache
def _description() -> dict[str, Any]:
    return openapi()


def _responses(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in _description()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", ".*", re.escape(template))
        if re.fullmatch(pattern, path, flags=re.S) and method.lower() in operations:
            responses: dict[str, Any] = operations[method.lower()]["responses"]
            return responses
    return None
