"""Rows take turns: a request of many lets others in between, and those beyond the limit are told when to come back."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from tests.serving.client import Client
from undertow.serving.api.row_queue import MOST_ROWS, ROWS_A_TURN, RowQueue


async def _request(queue: RowQueue, name: str, rows: int, log: list[str]) -> None:
    async with queue.admitted(rows):
        for start in range(0, rows, ROWS_A_TURN):
            await queue.turn(min(ROWS_A_TURN, rows - start), lambda: log.append(name))


def test_a_request_of_one_row_is_answered_between_the_turns_of_one_of_many() -> None:
    log: list[str] = []

    async def both() -> None:
        queue = RowQueue()
        await asyncio.gather(_request(queue, "many", 40 * ROWS_A_TURN, log), _request(queue, "one", 1, log))

    asyncio.run(both())
    assert log.index("one") <= 2 and log.count("many") == 40


def test_rows_beyond_the_limit_are_refused_with_the_time_that_those_waiting_take() -> None:
    async def crowd() -> HTTPException:
        queue = RowQueue()
        await queue.turn(1, lambda: time.sleep(0.05))
        async with queue.admitted(MOST_ROWS - 10):
            async with queue.admitted(10):
                pass
            with pytest.raises(HTTPException) as refused:
                async with queue.admitted(11):
                    raise AssertionError
        assert queue.rows == 0
        return refused.value

    refused = asyncio.run(crowd())
    seconds = int((refused.headers or {})["Retry-After"])
    assert seconds >= 0.018 * (MOST_ROWS - 10)  # a fifth of the way from 10 ms to 50, or more on a busy machine
    assert refused.status_code == 503
    assert refused.detail == f"{MOST_ROWS - 10:,} rows wait to be scored. Try again in {seconds} s."


def test_a_request_larger_than_the_limit_is_admitted_where_nobody_waits() -> None:
    async def alone() -> None:
        async with RowQueue().admitted(MOST_ROWS + 1):
            pass

    asyncio.run(alone())


def test_ids_are_answered_however_many_rows_wait(client: Client, feature_row: dict[str, Any]) -> None:
    queue = client.app.state.queue

    async def asked() -> list[int]:
        async with queue.admitted(MOST_ROWS):
            ids = await client.send("POST", "/v1/score", json={"account_ids": ["zero"]})
            rows = await client.send("POST", "/v1/score", json={"rows": [feature_row]})
        return [ids.status_code, rows.status_code]

    assert asyncio.run(asked()) == [200, 503]


def test_a_request_of_several_turns_is_answered_in_its_order(client: Client, feature_row: dict[str, Any]) -> None:
    rows = [{**feature_row, "account_id": f"row {number}"} for number in range(2 * ROWS_A_TURN + 3)]
    found = client.post("/v1/score", json={"rows": rows}).json()["results"]
    assert [each["account_id"] for each in found] == [row["account_id"] for row in rows]


def test_integers_above_2_to_the_53_are_numbers(client: Client, feature_row: dict[str, Any]) -> None:
    answer = client.post("/v1/score", json={"rows": [{**feature_row, "mrr": 2**53 + 1}]})
    assert answer.status_code == 200
