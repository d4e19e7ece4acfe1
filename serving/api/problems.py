"""Errors as HTTP answers: one shape, application/problem+json (RFC 9457), or a page."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import CodeType

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertow.features.errors import (
    AccessError,
    ChangedSince,
    ListReplaced,
    Malformed,
    ModelRefusal,
    NoTeam,
    NothingPublished,
    RequestError,
    TeamError,
    TooLarge,
    UnknownAccount,
    UnknownView,
    Unreadable,
    did_you_mean,
)
from undertow.serving import pages
from undertow.serving.api.prefix import root_of
from undertow.serving.api.request_id import request_id_of
from undertow.serving.api.responses import as_json, as_page, logger, signed_in
from undertow.serving.formatting import short
from undertow.serving.live.row_worker import ScoringEnded
from undertow.serving.published.answers import Problem

STATUS: dict[type[Exception], int] = {
    NothingPublished: 503,
    Unreadable: 503,
    ScoringEnded: 503,
    ModelRefusal: 503,
    AccessError: 503,
    TeamError: 503,
    UnknownAccount: 404,
    UnknownView: 404,
    NoTeam: 404,
    ListReplaced: 409,
    ChangedSince: 409,
    TooLarge: 413,
    Malformed: 400,
    RequestError: 422,
}
OURS = Path(__file__).parents[2]  # the folder of our packages
COME_BACK = {503: {"Retry-After": "30"}}  # seconds


async def refuse(request: Request, error: Exception) -> Response:
    """Return an error as problem+json, or as a page where a browser asks."""
    if isinstance(error, HTTPException):
        status, detail, headers = error.status_code, _http_detail(request, error), dict(error.headers or {})
    else:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        detail, headers = str(error), COME_BACK.get(status, {})
    problem = problem_of(error, status, detail)
    request.app.state.metrics.refusals.labels(problem.type.rpartition(":")[2]).inc()
    response = problem_answer(problem, request)
    response.headers.update(headers)
    return response


def problem_of(error: Exception, status: int, detail: str) -> Problem:
    """Return an error as a problem: its type and title are those of its kind."""
    title = _title(error, status)
    return Problem(_urn(title), title, status, detail, list(getattr(error, "__notes__", [])))


def problem_answer(problem: Problem, request: Request) -> Response:
    """Return a problem as a page, where a person is reading, or as problem+json."""
    if wants_page(request):
        html = pages.problem(problem, root_of(request)).encode()
        return as_page(signed_in(html, request), problem.status)
    return as_json(problem, problem.status, "application/problem+json")


def wants_page(request: Request) -> bool:
    """Return whether a person is reading: a page's own address, or a browser outside /v1."""
    path = request.scope["path"]
    if path in ("/", "/drivers", "/journeys", "/personas", "/portfolio") or path.startswith("/accounts/"):
        return True
    return not path.startswith("/v1") and "text/html" in request.headers.get("accept", "")


class LastResort:
    """ASGI middleware for unexpected exceptions: a 500 without any input value, and an incident number in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log an unexpected exception by its type and place, never by its message."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            incident = secrets.token_hex(4)
            kind, request_id = type(error).__name__, request_id_of(scope)
            logger.error("Incident %s: %s at %s, request %s", incident, kind, _place(error), request_id)
            if not started:
                answer = problem_answer(internal_error(incident), Request(scope))
                await answer(scope, receive, send)


def internal_error(incident: str) -> Problem:
    """Return the problem of an unexpected exception, which names nothing but its number in the log."""
    detail = f"Something went wrong on our side. The log has it as incident {incident}."
    return Problem("urn:undertow:internal-error", "Internal error", 500, detail)


def _place(error: Exception) -> str:
    """Return the last line of our code that was running, and where below it the error was raised; without any value."""
    frames = [(code.co_filename, line) for code, line in _frames(error)]
    ours = [f"{Path(name).relative_to(OURS)}:{line}" for name, line in frames if Path(name).is_relative_to(OURS)]
    if not frames or not ours:
        return "an unknown place" if not frames else f"{frames[-1][0]}:{frames[-1][1]}"
    name, line = frames[-1]
    return ours[-1] if Path(name).is_relative_to(OURS) else f"{ours[-1]}, below it {name}:{line}"


def _frames(error: Exception) -> Iterator[tuple[CodeType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lineno
        trace = trace.tb_next


def _title(error: Exception, status: int) -> str:
    if isinstance(error, HTTPException | ClientDisconnect):
        return HTTPStatus(status).phrase
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__)
    return words.capitalize()


def _urn(title: str) -> str:
    return f"urn:undertow:{_slug(title)}"


def _slug(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower())


def _http_detail(request: Request, error: HTTPException) -> str:
    path = short(request.scope["path"])
    if error.status_code == 404:
        templates = [route.path for route in request.app.routes]
        return f"Nothing is found at '{path}'.{did_you_mean(path, templates)}"
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"{short(request.method, 10)} is not answered at '{path}'. Use {allowed}."
    return error.detail
