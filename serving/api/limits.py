"""Limits on requests: body size, query parameters, and how many scoring requests may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from undertow.features.errors import RequestError, TooLarge
from undertow.serving.formatting import short

MAX_BODY = 5_000_000  # bytes
TOO_LARGE = f"The body is over {MAX_BODY // 1_000_000} MB. Split the request."
MAX_WAITING = 16  # scoring requests that wait in one worker; further ones get 503 with Retry-After
Answer = TypeVar("Answer")


async def read_body(request: Request) -> bytes:
    """Return a JSON body of at most MAX_BODY bytes, counted while it streams."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Expected Content-Type: application/json.")
    length = request.headers.get("content-length", "")
    body = bytearray()
    if length.isdecimal() and int(length) > MAX_BODY:
        raise TooLarge(TOO_LARGE)
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise TooLarge(TOO_LARGE)
    return bytes(body)


def no_query(request: Request) -> None:
    """Raise RequestError for query parameters of a route that takes none."""
    for name in request.query_params:
        raise RequestError(f"Unknown query parameter '{short(name)}'. {request.url.path[:80]} takes none.")


class Turns:
    """Queue of scoring requests: one runs at a time per worker; when it is full the answer is 503 with Retry-After."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Run `work` in a thread when its turn comes."""
        if self._waiting > MAX_WAITING:
            raise HTTPException(503, "Too many scoring requests wait. Try again in a second.", {"Retry-After": "1"})
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
