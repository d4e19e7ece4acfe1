"""Limits on requests: body size and query parameters."""

from __future__ import annotations

import asyncio
import zlib

from starlette.exceptions import HTTPException
from starlette.requests import Request

from undertow.features.errors import Malformed, RequestError, TooLarge
from undertow.serving.formatting import short

MAX_BODY = 16_000_000  # bytes, unpacked: 1,000 rows of every feature take half of it
BODY_SECONDS = 30.0  # for a body to arrive
TOO_SLOW = f"The body did not arrive within {BODY_SECONDS:g} s. Send less, or on a faster connection."
TOO_LARGE = f"The body is over {MAX_BODY // 1_000_000} MB. Split the request."


async def read_body(request: Request) -> bytes:
    """Return a JSON body of at most MAX_BODY bytes, counted while it streams; a gzipped one is counted unpacked.

    Raises HTTPException 408 where it takes longer than BODY_SECONDS.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Expected Content-Type: application/json.")
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise HTTPException(415, "Expected Content-Encoding: gzip, or none.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY:
        raise TooLarge(TOO_LARGE)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, _Gzip() if packing == "gzip" else None)
    except TimeoutError:
        raise HTTPException(408, TOO_SLOW, {"Connection": "close"}) from None


async def _read(request: Request, unpacked: _Gzip | None) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += unpacked.more(chunk, MAX_BODY + 1 - len(body)) if unpacked else chunk
        if len(body) > MAX_BODY:
            raise TooLarge(TOO_LARGE)
    if unpacked and not unpacked.is_whole:
        raise Malformed("The gzipped body ends too early.")
    return bytes(body)


class _Gzip:
    """One gzip member, unpacked while it arrives."""

    def __init__(self) -> None:
        self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: gzip

    @property
    def is_whole(self) -> bool:
        return self._unpack.eof and not self._unpack.unused_data

    def more(self, chunk: bytes, most: int) -> bytes:
        """Return what a chunk unpacks to, at most so many bytes."""
        try:
            return self._unpack.decompress(chunk, most)
        except zlib.error as error:
            raise Malformed("The body is not gzip, as its Content-Encoding says.") from error


def no_query(request: Request) -> None:
    """Raise RequestError for query parameters of a route that takes none."""
    for name in request.query_params:
        raise RequestError(f"Unknown query parameter '{short(name)}'. {request.url.path[:80]} takes none.")
