"""Limits of a request: the size of its body, and how many may wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.api.limits import MAX_BODY, MAX_WAITING, Turns

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


def test_too_many_waiting_requests_are_told_to_come_back() -> None:
    async def crowd() -> list[Any]:
        turns, gate = Turns(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> str:
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
            return "done"

        asked = [asyncio.create_task(turns.run(work)) for _ in range(MAX_WAITING + 3)]
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(crowd())
    assert answers.count("done") == MAX_WAITING + 1
    assert [getattr(answer, "status_code", None) for answer in answers[-2:]] == [503, 503]
