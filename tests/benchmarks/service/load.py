"""Look-ups by many clients at once, alone and beside a steady stream of rows: how long they take, how many are refused.

The clients stand in one process on the machine of the service, and ask together at one rate in both runs.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.report import Claim
from tests.benchmarks.service.http import HOST, ask, request_bytes

CLIENTS, RATE, SECONDS = 500, 250.0, 30.0  # connections, look-ups per second of all of them, length of a run
STREAM, ROWS = 4, 50  # connections that send rows one request after the other, and the rows of a request
MOST_TIMES = 3.0  # p99 beside rows, as a multiple of p99 alone


@dataclass
class Run:
    """One run: seconds of each look-up that was answered, and how often each status came, for look-ups and for rows."""

    seconds: list[float] = field(default_factory=list)
    ids: Counter[int] = field(default_factory=Counter)
    rows: Counter[int] = field(default_factory=Counter)

    @property
    def p99(self) -> float:
        """Return the 99th percentile of the seconds of look-ups."""
        return float(np.quantile(self.seconds, 0.99))


def claims(port: int, ids: list[str], row: dict[str, Any]) -> list[Claim]:
    """Return what was measured of look-ups alone and beside rows."""
    asyncio.run(_run(port, ids, row, 0, SECONDS / 5))  # warms up
    alone = asyncio.run(_run(port, ids, row, 0, SECONDS))
    beside = asyncio.run(_run(port, ids, row, STREAM, SECONDS))
    scored = beside.rows[200] * ROWS
    refused = sum(beside.ids.values()) - beside.ids[200]
    times = beside.p99 / alone.p99
    return [
        Claim(
            f"no look-up of {CLIENTS} clients is refused beside a stream of rows",
            f"{refused:,} of {sum(beside.ids.values()):,} look-ups; {scored:,} rows scored meanwhile, "
            f"{sum(beside.rows.values()) - beside.rows[200]} requests of rows refused",
            refused == 0,
        ),
        Claim(
            f"p99 of look-ups beside rows <= {MOST_TIMES:g} times that without rows",
            f"{times:.2f} times: {1000 * beside.p99:.1f} ms, without rows {1000 * alone.p99:.1f} ms "
            f"({len(beside.seconds) / SECONDS:.0f} look-ups per second)",
            times <= MOST_TIMES,
        ),
    ]


async def _run(port: int, ids: list[str], row: dict[str, Any], stream: int, seconds: float) -> Run:
    run, until = Run(), perf_counter() + seconds
    body = json.dumps({"rows": [row] * ROWS}).encode()
    rows = [_rows(run, port, request_bytes("/v1/score", body), until) for _ in range(stream)]
    await asyncio.gather(*rows, *(_look_up(run, port, ids, until, number) for number in range(CLIENTS)))
    return run


async def _look_up(run: Run, port: int, ids: list[str], until: float, seed: int) -> None:
    chance = random.Random(seed)
    streams = await asyncio.open_connection(HOST, port)
    every = CLIENTS / RATE
    await asyncio.sleep(chance.uniform(0, every))
    while perf_counter() < until:
        request = request_bytes(f"/v1/accounts/{chance.choice(ids)}")
        started = perf_counter()
        status, _ = await ask(streams, request)
        taken = perf_counter() - started
        run.ids[status] += 1
        run.seconds.append(taken)
        await asyncio.sleep(max(0.0, every - taken))
    streams[1].close()


async def _rows(run: Run, port: int, request: bytes, until: float) -> None:
    streams = await asyncio.open_connection(HOST, port, limit=1 << 26)
    while perf_counter() < until:
        status, _ = await ask(streams, request)
        run.rows[status] += 1
        if status == 503:
            await asyncio.sleep(1)
    streams[1].close()
