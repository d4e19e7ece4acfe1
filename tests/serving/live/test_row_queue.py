"""Rows are admitted by their number, and those beyond the limit are told when to come back; ids never wait for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from tests.serving.api.problem import problem
from tests.serving.client import Client
from undertow.serving.live.row_queue import FIRST_GUESS, MOST_ROWS, RowQueue
from undertow.serving.live.row_worker import RowWorker


def test_rows_beyond_the_limit_are_refused_with_the_time_that_those_waiting_take() -> None:
    queue = RowQueue()
    queue.took(100, 100 * 6 * FIRST_GUESS)  # the guess moves a fifth of the way
    with queue.admitted(MOST_ROWS - 10):
        with queue.admitted(10):
            pass
        with pytest.raises(HTTPException) as refused, queue.admitted(11):
            raise AssertionError
    assert queue.rows == 0
    seconds = round((MOST_ROWS - 10) * 2 * FIRST_GUESS)
    assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": str(seconds)})
    assert refused.value.detail == f"{MOST_ROWS - 10:,} rows wait to be scored. Try again in {seconds} s."


def test_a_request_larger_than_the_limit_is_admitted_where_nobody_waits() -> None:
    queue = RowQueue()
    with queue.admitted(MOST_ROWS + 1):
        assert queue.rows == MOST_ROWS + 1
    assert queue.rows == 0


def test_ids_are_answered_however_many_rows_wait(client: Client, feature_row: dict[str, Any]) -> None:
    with client.app.state.queue.admitted(MOST_ROWS):
        assert client.post("/v1/score", json={"account_ids": ["zero"]}).status_code == 200
        problem(client.post("/v1/score", json={"rows": [feature_row]}), 503)


def test_ids_are_answered_while_rows_are_scored(client: Client, feature_row: dict[str, Any]) -> None:
    async def asked() -> tuple[int, bool]:
        rows = asyncio.create_task(client.send("POST", "/v1/score", json={"rows": [feature_row] * 1000}))
        while not client.app.state.queue.rows:
            await asyncio.sleep(0.001)
        ids = await client.send("POST", "/v1/score", json={"account_ids": ["zero"]})
        earlier = not rows.done()
        assert (await rows).status_code == 200
        return ids.status_code, earlier

    assert asyncio.run(asked()) == (200, True)


def test_a_request_of_several_turns_is_answered_in_its_order(client: Client, feature_row: dict[str, Any]) -> None:
    rows = [{**feature_row, "account_id": f"row {number}"} for number in range(250)]  # three turns
    found = client.post("/v1/score", json={"rows": rows}).json()["results"]
    assert [each["account_id"] for each in found] == [row["account_id"] for row in rows]
    assert client.app.state.queue.rows == 0


def test_integers_above_2_to_the_53_are_numbers(client: Client, feature_row: dict[str, Any]) -> None:
    answer = client.post("/v1/score", json={"rows": [{**feature_row, "mrr": 2**53 + 1}]})
    assert answer.status_code == 200


def test_rows_whose_process_ended_are_refused_and_the_next_ones_are_scored(
    client: Client, feature_row: dict[str, Any]
) -> None:
    worker: RowWorker = client.app.state.worker

    async def killed() -> Any:
        rows = asyncio.create_task(client.send("POST", "/v1/score", json={"rows": [feature_row] * 1000}))
        while not client.app.state.queue.rows:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.03)  # they are sent, and take several times as long
        await asyncio.to_thread(worker.close)
        return await rows

    told = problem(asyncio.run(killed()), 503)
    assert told["detail"] == "The process that scores rows ended before it answered. Try again."
    assert client.post("/v1/score", json={"rows": [feature_row]}).status_code == 200
