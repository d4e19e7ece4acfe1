"""The queue of feature rows to score: requests take turns of few rows, and are admitted by how many rows wait."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TypeVar

from starlette.exceptions import HTTPException

ROWS_A_TURN, PLAIN_ROWS_A_TURN = 25, 250  # with what scores are made of, and without
MOST_ROWS = 2_000  # admitted and not yet scored, in one worker; a request beyond them is refused
FIRST_GUESS = 0.01  # seconds a row, until some were scored
Answer = TypeVar("Answer")


class RowQueue:
    """Rows of requests wait here. One turn runs at a time, in a thread; a request with many rows takes many turns."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)  # wakes in the order of asking
        self._seconds_a_row = FIRST_GUESS
        self.rows = 0

    @asynccontextmanager
    async def admitted(self, rows: int) -> AsyncIterator[None]:
        """Hold a place for so many rows. Raises HTTPException 503, with Retry-After, where too many wait already."""
        if self.rows and self.rows + rows > MOST_ROWS:
            seconds = max(1, math.ceil(self.rows * self._seconds_a_row))
            raise HTTPException(
                503,
                f"{self.rows:,} rows wait to be scored. Try again in {seconds} s.",
                {"Retry-After": str(seconds)},
            )
        self.rows += rows
        try:
            yield
        finally:
            self.rows -= rows

    async def turn(self, rows: int, work: Callable[[], Answer]) -> Answer:
        """Run `work`, which scores so many rows, in a thread when its turn comes."""
        async with self._turn:
            started = perf_counter()
            try:
                return await asyncio.to_thread(work)
            finally:
                spent = (perf_counter() - started) / max(rows, 1)
                self._seconds_a_row += 0.2 * (spent - self._seconds_a_row)
