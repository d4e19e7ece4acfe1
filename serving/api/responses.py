"""Responses: JSON and pages, each with its headers."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from undertow.serving import pages
from undertow.serving.access.roles import SCOPE
from undertow.serving.api.prefix import root_of

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
PAGE = PRIVATE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
logger = logging.getLogger("undertow.serving")


def as_json(answer: Any, status: int = 200, kind: str = "application/json") -> Response:
    """Return a JSON response; msgspec writes a number that is not finite as null."""
    return ready_json(msgspec.json.encode(answer), status, kind)


def ready_json(encoded: bytes, status: int = 200, kind: str = "application/json") -> Response:
    """Return a response of JSON that is encoded already."""
    return Response(encoded, status, PRIVATE, kind)


def as_page(html: str | bytes, status: int = 200) -> Response:
    """Return an HTML response whose policy allows no script and no external resource."""
    sent = html.encode() if isinstance(html, str) else html
    return Response(pages.with_ages(sent, datetime.now(UTC).date()), status, PAGE, "text/html")


def signed_in(html: bytes, request: Request) -> bytes:
    """Return a page with the name of the caller and the button to sign out, where a session asks for it."""
    caller = request.scope.get(SCOPE)
    if caller is None or not caller.csrf:
        return html
    return pages.with_name(html, caller.name, caller.owner, caller.csrf, root_of(request))
