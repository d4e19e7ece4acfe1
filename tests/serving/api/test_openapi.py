"""The description of the API names every route and defines every schema that it refers to."""

from __future__ import annotations

import re

import msgspec

from tests.serving.client import Client


def test_every_route_of_v1_is_described(client: Client) -> None:
    described = client.get("/openapi.json").json()
    routes = {route.path.replace(":path", "") for route in client.app.routes if route.path.startswith("/v1")}
    assert described["paths"].keys() == routes
    assert described["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert described["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    text = msgspec.json.encode(described).decode()
    for reference in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert reference in described["components"]["schemas"]
