"""Limits of a request: the size of its body, and its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.api.limits import MAX_BODY

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("url", ["/v1/drivers?x=1", "/v1/accounts/zero?expand=all"])
def test_parameters_are_refused_where_there_are_none(client: Client, url: str) -> None:
    assert "takes none" in problem(client.get(url), 422)["detail"]


def test_a_body_over_the_limit_is_refused_by_its_announced_length(client: Client) -> None:
    told = problem(client.post("/v1/score", content=b" " * (MAX_BODY + 1), headers=JSON), 413)
    assert "over 5 MB" in told["detail"]


def test_a_body_over_the_limit_is_refused_while_it_streams(client: Client) -> None:
    sent = []

    async def endless() -> Any:
        while len(sent) < 1000:
            sent.append(1)
            yield b" " * 1_000_000

    problem(client.post("/v1/score", content=endless(), headers=JSON), 413)
    assert len(sent) <= 20


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_another_content_type_is_refused(client: Client, kind: str) -> None:
    told = problem(client.post("/v1/score", content=b"{}", headers={"Content-Type": kind}), 415)
    assert "Content-Type: application/json" in told["detail"]
