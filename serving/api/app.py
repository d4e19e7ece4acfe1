"""HTTP: read the request, look up, score, answer. Every error leaves in one shape."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undertow.features.errors import (
    Malformed,
    ModelRefusal,
    NothingPublished,
    RequestError,
    TooLarge,
    UnknownAccount,
    did_you_mean,
)
from undertow.serving import pages
from undertow.serving.api.openapi import openapi
from undertow.serving.api.prometheus import CONTENT_TYPE, Measured, Metrics
from undertow.serving.published.answers import AtRiskAnswer, Problem, as_accounts
from undertow.serving.published.requests import AtRiskQuery, read_query, read_score_request, short
from undertow.serving.published.scores import PublishedScores, ScoresReader, Selection
from undertow.serving.published.spreadsheet import as_csv

MAX_BODY = 5_000_000  # bytes
TOO_LARGE = f"The body is over {MAX_BODY // 1_000_000} MB. Split the request."
MAX_WAITING = 16  # scoring requests that wait in one worker; more are told to come back
STATUS: dict[type[Exception], int] = {
    NothingPublished: 503,
    ModelRefusal: 503,
    UnknownAccount: 404,
    TooLarge: 413,
    Malformed: 400,
    RequestError: 422,
}
COME_BACK = {503: {"Retry-After": "30"}}  # seconds
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
PAGE = PRIVATE | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
PAGES = ("/", "/accounts/{account_id:path}")
Answer = TypeVar("Answer")
logger = logging.getLogger("undertow.serving")


def make_app(store_folder: Path) -> Starlette:
    """Return the app that answers from what is published in `store_folder`, now or later."""
    routes = [
        Route("/v1/score", score, methods=["POST"]),
        Route("/v1/at-risk", at_risk),
        Route("/v1/accounts/{account_id:path}", account),
        Route("/v1/drivers", drivers),
        Route("/openapi.json", description),
        Route(PAGES[0], list_page),
        Route(PAGES[1], account_page),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]
    counted = Metrics()
    middleware = [
        Middleware(Measured, metrics=counted, routes=frozenset(route.path for route in routes)),
        Middleware(LastResort),
    ]
    refused = dict.fromkeys((*STATUS, HTTPException, ClientDisconnect), refuse)
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=refused)
    app.router.redirect_slashes = False
    app.state.reader, app.state.turns, app.state.metrics = ScoresReader(store_folder), Turns(), counted
    return app


# --- endpoints ---


async def score(request: Request) -> Response:
    """POST /v1/score: known accounts or feature rows, scored live."""
    no_query(request)
    asked = read_score_request(await read_body(request))
    published = await newest(request)
    return as_json(await request.app.state.turns.run(lambda: published.score(asked)))


async def at_risk(request: Request) -> Response:
    """GET /v1/at-risk: the list, as JSON or CSV."""
    query = read_query(request.query_params.multi_items())
    published = await newest(request)
    found = select(published, query)
    if query.format == "csv":
        return as_download(as_csv(found.rows), f"at-risk-{published.manifest['as_of'][:10]}.csv")
    return as_json(list_answer(published, query, found))


async def account(request: Request) -> Response:
    """GET /v1/accounts/{account_id}: one account as published."""
    no_query(request)
    published = await newest(request)
    return as_json(published.account(request.path_params["account_id"]))


async def drivers(request: Request) -> Response:
    """GET /v1/drivers: what the scores react to, overall and by segment."""
    no_query(request)
    return as_json((await newest(request)).drivers)


async def description(request: Request) -> Response:
    """GET /openapi.json: /v1 described."""
    return as_json(openapi())


async def list_page(request: Request) -> Response:
    """GET /: the list for people."""
    query = read_query(request.query_params.multi_items())
    published = await newest(request)
    return as_page(pages.at_risk(published, query, select(published, query)))


async def account_page(request: Request) -> Response:
    """GET /accounts/{account_id}: one account for people."""
    published = await newest(request)
    return as_page(pages.account(published, published.account(request.path_params["account_id"])))


async def alive(request: Request) -> Response:
    """GET /healthz: this process answers."""
    return PlainTextResponse("alive\n")


async def ready(request: Request) -> Response:
    """GET /readyz: scores are published and read; 503 before."""
    await newest(request)
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """GET /metrics: Prometheus text."""
    text = await asyncio.to_thread(request.app.state.metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})


# --- reading ---


async def newest(request: Request) -> PublishedScores:
    """Return the newest publication; a new one is read in a thread, while others are answered."""
    reader: ScoresReader = request.app.state.reader
    return reader.latest() if reader.is_fresh() else await asyncio.to_thread(reader.latest)


async def read_body(request: Request) -> bytes:
    """Return a JSON body of at most MAX_BODY bytes, measured while it streams."""
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
    """Refuse query parameters where there are none to give."""
    for name in request.query_params:
        raise RequestError(f"Unknown query parameter '{short(name)}'. {request.url.path[:80]} takes none.")


def select(published: PublishedScores, query: AtRiskQuery) -> Selection:
    """Return the part of the list that `query` asks for."""
    return published.filter(query.limit, query.offset, query.segment, query.owner, query.cause, query.min_value)


class Turns:
    """One scoring at a time in a worker process, a few waiting, the next told to come back."""

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


# --- answering ---


def list_answer(published: PublishedScores, query: AtRiskQuery, found: Selection) -> AtRiskAnswer:
    """Return a page of the list with what it is a page of."""
    manifest = published.manifest
    return AtRiskAnswer(
        run_id=manifest["run_id"],
        model_version=manifest["model_version"],
        as_of=manifest["as_of"],
        headline=manifest["headline"],
        currency=manifest["currency"],
        total=found.total,
        value_at_risk=found.value_at_risk,
        limit=query.limit,
        offset=query.offset,
        accounts=as_accounts(found.rows, manifest),
    )


def as_json(answer: Any, status: int = 200, kind: str = "application/json") -> Response:
    """Answer in JSON; msgspec writes a number that is not finite as null."""
    return Response(msgspec.json.encode(answer), status, PRIVATE, kind)


def as_page(html: str, status: int = 200) -> Response:
    """Answer with a page that loads nothing and runs no script."""
    return Response(html, status, PAGE, "text/html")


def as_download(text: str, name: str) -> Response:
    """Answer with a CSV file; the mark in front tells spreadsheets that it is UTF-8."""
    headers = PRIVATE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + text, 200, headers, "text/csv")


# --- refusing ---


async def refuse(request: Request, error: Exception) -> Response:
    """Answer any refusal in the one shape; on a page's address, as a page."""
    if isinstance(error, HTTPException):
        status, detail, headers = error.status_code, _http_detail(request, error), dict(error.headers or {})
    else:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        detail, headers = str(error), COME_BACK.get(status, {})
    title = _title(error, status)
    problem = Problem(_urn(title), title, status, detail, list(getattr(error, "__notes__", [])))
    response = problem_answer(problem, _wants_page(request))
    response.headers.update(headers)
    return response


def problem_answer(problem: Problem, as_a_page: bool) -> Response:
    """Return a problem as a page or as problem+json."""
    if as_a_page:
        return as_page(pages.problem(problem), problem.status)
    return as_json(problem, problem.status, "application/problem+json")


class LastResort:
    """The one broad except: what nobody foresaw becomes a 500 that tells nothing of its input."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log an unforeseen error by type and place, never by its words."""
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
            logger.error("Incident %s: %s at %s", incident, type(error).__name__, _place(error))
            if not started:
                answer = problem_answer(_unforeseen(incident), _wants_page(Request(scope)))
                await answer(scope, receive, send)


def _unforeseen(incident: str) -> Problem:
    detail = f"Something went wrong on our side. The log has it as incident {incident}."
    return Problem("urn:undertow:internal-error", "Internal error", 500, detail)


def _place(error: Exception) -> str:
    """Return the file and line that raised, without any value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "an unknown place" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _title(error: Exception, status: int) -> str:
    if isinstance(error, HTTPException | ClientDisconnect):
        return HTTPStatus(status).phrase
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__)
    return words.capitalize()


def _urn(title: str) -> str:
    return "urn:undertow:" + re.sub(r"[^a-z]+", "-", title.lower())


def _http_detail(request: Request, error: HTTPException) -> str:
    path = short(request.url.path)
    if error.status_code == 404:
        templates = [route.path for route in request.app.routes]
        return f"Nothing is found at '{path}'.{did_you_mean(path, templates)}"
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        return f"{short(request.method, 10)} is not answered at '{path}'. Use {allowed}."
    return error.detail


def _wants_page(request: Request) -> bool:
    """Whether a person is reading: a page's own address, or a browser outside /v1."""
    path = request.scope["path"]
    if path == "/" or path.startswith("/accounts/"):
        return True
    return not path.startswith("/v1") and "text/html" in request.headers.get("accept", "")
