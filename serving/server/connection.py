"""HTTP connections with limits: a request's head must arrive in time and be small, and an answer must be read.

The web server has no such limits of its own: a client that sends a header every few seconds holds its connection for
good.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from undertow.serving.published.answers import Problem

HEAD_SECONDS = 10.0  # from a connection or the end of an answer's request to the end of the next request's head
HEAD_BYTES = 32_768  # address and headers
HEAD_LINES = 100  # headers
UNREAD_SECONDS = 30.0  # until an answer that is not read is dropped, with its connection
REFUSED = {
    400: ("Bad Request", "This is no HTTP request."),
    408: ("Request Timeout", f"The address and headers did not arrive within {HEAD_SECONDS:g} s."),
    431: (
        "Request Header Fields Too Large",
        f"The address and headers are over {HEAD_BYTES:,} bytes or {HEAD_LINES} lines.",
    ),
}  # status -> title, detail
logger = logging.getLogger("undertow.serving")


class HeadTooLarge(Exception):
    """The head of a request is over HEAD_BYTES or HEAD_LINES."""


class BoundedConnection(HttpToolsProtocol):
    """One HTTP connection of uvicorn, with limits on the head of each request."""

    head_seconds, unread_seconds = HEAD_SECONDS, UNREAD_SECONDS
    _waits: asyncio.TimerHandle | None = None  # the time in which a head must arrive
    _begun = False  # whether a part of a head has arrived
    _bytes = _lines = 0  # of the head so far

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; wait for the rest of a head."""
        if self._waits is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()
        self._begun = True
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to count a head."""
        self._bytes = self._lines = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the address, which may arrive in pieces."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count one header."""
        self._lines += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._end_wait()
        self._begun = False
        super().on_headers_complete()

    def _should_upgrade_to_ws(self) -> bool:
        """There are no web sockets here: a request to change to one is answered as any other."""
        return False

    def _unsupported_upgrade_warning(self) -> None:
        """Write nothing to the log."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what could not be parsed, in the one shape of errors."""
        self._refuse(431 if self._is_too_large else 400)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one whose last answer is still unread is dropped."""
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.unread_seconds, self.transport.abort)

    @property
    def _is_too_large(self) -> bool:
        return self._bytes > HEAD_BYTES or self._lines > HEAD_LINES

    def _count(self, more: int) -> None:
        self._bytes += more
        if self._is_too_large:
            raise HeadTooLarge

    def _wait(self) -> None:
        self._waits = self.loop.call_later(self.head_seconds, self._took_too_long)

    def _end_wait(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _took_too_long(self) -> None:
        self._waits = None
        if self._begun:
            self._refuse(408)
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer with a problem, where no answer is under way, and close the connection."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_problem(status))
        self.transport.close()


def _problem(status: int) -> bytes:
    title, detail = REFUSED[status]
    urn = "urn:undertow:" + title.lower().replace(" ", "-")
    body = msgspec.json.encode(Problem(urn, title, status, detail))
    head = (
        b"content-type: application/problem+json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
        b"connection: close\r\n\r\n"
    )
    return STATUS_LINE[status] + head % len(body) + body


def bound_connections() -> None:
    """Have uvicorn make bounded connections in this process, or say in the log that it has no place for them."""
    protocols: Any = getattr(uvicorn.config, "HTTP_PROTOCOLS", None)
    if not isinstance(protocols, dict) or "auto" not in protocols:
        logger.warning("This release of uvicorn has no place for limits on connections; put a proxy before it.")
        return
    protocols["auto"] = f"{__name__}:{BoundedConnection.__name__}"
