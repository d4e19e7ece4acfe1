"""Limits of a request: the size of its body, and its parameters."""

from __future__ import annotations

import gzip
import tracemalloc
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
    assert "over 16 MB" in told["detail"]


def test_a_body_over_the_limit_is_refused_while_it_streams(client: Client) -> None:
    sent = []

    async def endless() -> Any:
        while len(sent) < 1000:
            sent.append(1)
            yield b" " * 1_000_000

    problem(client.post("/v1/score", content=endless(), headers=JSON), 413)
    assert len(sent) <= 40


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""]
)
def test_another_content_type_is_refused(client: Client, kind: str) -> None:
    told = problem(client.post("/v1/score", content=b"{}", headers={"Content-Type": kind}), 415)
    assert "Content-Type: application/json" in told["detail"]


def test_a_gzipped_body_is_read(client: Client) -> None:
    body = gzip.compress(b'{"account_ids": ["zero"]}')
    answer = client.post("/v1/score", content=body, headers={**JSON, "Content-Encoding": "gzip"})
    assert answer.json()["results"][0]["account_id"] == "zero"


def test_a_gzipped_body_is_limited_unpacked_and_costs_no_more_memory_than_the_limit(client: Client) -> None:
    body = gzip.compress(b" " * 400_000_000)
    assert len(body) < 1_000_000
    tracemalloc.start()
    told = problem(client.post("/v1/score", content=body, headers={**JSON, "Content-Encoding": "gzip"}), 413)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "over 16 MB" in told["detail"] and peak < 6 * MAX_BODY


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "is not gzip"),
        (gzip.compress(b'{"account_ids": ["zero"]}')[:-4], "ends too early"),
        (gzip.compress(b"{}") + b"more", "ends too early"),
        (b"", "ends too early"),
    ],
    ids=["not packed", "cut", "followed by more", "empty"],  # a packed body holds the time of day
)
def test_a_body_that_is_not_the_gzip_it_claims_is_refused(client: Client, body: bytes, said: str) -> None:
    answer = client.post("/v1/score", content=body, headers={**JSON, "Content-Encoding": "gzip"})
    assert said in problem(answer, 400)["detail"]


def test_another_packing_is_refused(client: Client) -> None:
    answer = client.post("/v1/score", content=b"{}", headers={**JSON, "Content-Encoding": "br"})
    assert "gzip, or none" in problem(answer, 415)["detail"]
