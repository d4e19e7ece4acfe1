"""Limits on requests: body size and query parameters."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from undertow.features.errors import RequestError, TooLarge
from undertow.serving.formatting import short

MAX_BODY = 5_000_000  # bytes
TOO_LARGE = f"The body is over {MAX_BODY // 1_000_000} MB. Split the request."


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
