"""The request id, X-Request-ID, in every answer and in the log: the caller's where it is well-formed, or a new one."""

from __future__ import annotations

import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{1,64}")
KEY, NAME = "undertow.request_id", HEADER.lower().encode()


class RequestId:
    """ASGI middleware that gives every request its id and names it in the answer's X-Request-ID."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its id, and add it to the answer's headers."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = _given(scope) or secrets.token_hex(8).encode()
        scope[KEY] = request_id.decode()

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (NAME, request_id)]
            await send(message)

        await self._app(scope, receive, with_id)


def request_id_of(scope: Scope) -> str:
    """Return the id of a request, or "none" outside RequestId."""
    return str(scope.get(KEY, "none"))


def _given(scope: Scope) -> bytes | None:
    """Return the id that the caller sent, where it may stand in a log."""
    for name, value in scope["headers"]:
        if name == NAME:
            return value if WELL_FORMED.fullmatch(value) else None
    return None
