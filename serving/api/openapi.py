"""The OpenAPI description of /v1, built from the request and answer types."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec

from undertow.serving.published.answers import Account, AtRiskAnswer, Problem, ScoreAnswer
from undertow.serving.published.requests import EXAMPLE_REQUEST, AtRiskQuery, ScoreRequest


@cache
def openapi_json() -> bytes:
    """Return the description as JSON."""
    return msgspec.json.encode(openapi())


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of /v1; its version is that of the installed package."""
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
        "info": {
            "title": "Undertow",
            "version": version("undertow"),
            "description": "Churn probability and lifetime value.",
        },
        "paths": {
            "/v1/score": {
                "post": _operation(
                    "Score known accounts, with unknown ids listed beside them, or feature rows.",
                    by_name["ScoreAnswer"],
                    requestBody=asked,
                )
            },
            "/v1/at-risk": {
                "get": _operation(
                    "Accounts ranked by value at risk.", by_name["AtRiskAnswer"], parameters=_parameters(), csv=True
                )
            },
            "/v1/accounts/{account_id}": {
                "get": _operation("One account as published.", by_name["Account"], parameters=[account_id])
            },
            "/v1/drivers": {
                "get": _operation(
                    "Contributions to the scores by feature family, overall and by segment.", {"type": "object"}
                )
            },
            "/v1/features": {
                "get": _operation(
                    "What each feature of a row is: sentence, type, unit, known texts, what null means.",
                    {"type": "object"},
                )
            },
            "/v1/model": {
                "get": _operation("The version of the model: dates, results, verdict, model card.", {"type": "object"})
            },
        },
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}, {}],  # a service on 127.0.0.1 may be open
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
