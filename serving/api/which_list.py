"""Says in every answer which list it was made from, and that a newer one cannot be read."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertow.serving.access.roles import NOBODY, SCOPE
from undertow.serving.published.reader import ScoresReader

LIST, NEWER = "Undertow-List", "Undertow-Newer-List"
ANSWERED_FROM = "undertow.list"  # in the scope of a request: the run that it is answered from


class WhichList:
    """ASGI middleware that adds the header Undertow-List, the run answered from, to answers that need a key.

    Where a newer publication cannot be read, Undertow-Newer-List says "unreadable".
    """

    def __init__(self, app: ASGIApp, reader: ScoresReader) -> None:
        self._app, self._reader = app, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its answer."""

        async def with_headers(message: Message) -> None:
            held = self._reader.held
            if message["type"] == "http.response.start" and held is not None and scope.get(SCOPE) is not NOBODY:
                headers = MutableHeaders(scope=message)
                headers[LIST] = scope.get(ANSWERED_FROM, held.folder.name)
                if self._reader.failure is not None:
                    headers[NEWER] = "unreadable"
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def notice(reader: ScoresReader) -> str:
    """Return the notice that a newer list cannot be read, with the reason, or an empty text."""
    if reader.failure is None:
        return ""
    return f"A newer list was published and cannot be read; this is the one before it. {reader.failure}"
