"""Which list a request is answered from: the newest that can be read, with the accounts that the caller may see.

Every answer says which it was, and that a newer one cannot be read.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertow.serving.access.roles import NOBODY, SCOPE, caller_of
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.scores import PublishedScores

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


async def newest(request: Request) -> PublishedScores:
    """Return the publication in memory, with the accounts that the caller may see alone."""
    published, owner = await newest_of_all(request), caller_of(request.scope).owner
    if owner is None:
        return published
    found = published.by_owner.get(owner)
    return found if found is not None else await asyncio.to_thread(published.of_owner, owner)


async def newest_of_all(request: Request) -> PublishedScores:
    """Return the publication in memory, the first time after reading it; a thread begins to read a newer one."""
    state = request.app.state
    reader: ScoresReader = state.reader
    if reader.held is not None and not reader.is_fresh() and (state.reading is None or state.reading.done()):
        state.reading = asyncio.create_task(asyncio.to_thread(reader.latest))
    published = reader.held
    if published is None:
        published = await asyncio.to_thread(reader.latest)
    request.scope[ANSWERED_FROM] = published.folder.name
    return published


async def of_run(request: Request, run: str | None) -> PublishedScores:
    """Return the publication in memory. Raises ListReplaced where it is not `run`, the list of a page.

    A list that another process of the service has answered from may be newer: one that is being read is awaited.
    """
    published, reading = await newest(request), request.app.state.reading
    if run not in (None, published.manifest["run_id"]) and reading is not None:
        await asyncio.wait({reading})
        published = await newest(request)
    published.check_run(run)
    return published


def notice_of(request: Request) -> str:
    """Return the notice that a newer list cannot be read, with the reason, or an empty text."""
    reader: ScoresReader = request.app.state.reader
    if reader.failure is None:
        return ""
    return f"A newer list was published and cannot be read; this is the one before it. {reader.failure}"
