"""HTTP routes: read the request, look up, score, answer. Errors are problem+json."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from undertow.serving import pages
from undertow.serving.api.limits import no_query, read_body
from undertow.serving.api.openapi import openapi_json
from undertow.serving.api.prefix import root_of
from undertow.serving.api.problems import STATUS, LastResort, refuse
from undertow.serving.api.prometheus import CONTENT_TYPE, Metrics, RequestMetrics
from undertow.serving.api.responses import as_download, as_page, ready_json
from undertow.serving.api.row_queue import RowQueue
from undertow.serving.api.which_list import WhichList, notice
from undertow.serving.live.frames import Reply
from undertow.serving.live.row_worker import RowWorker
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import ShallowScoreRequest, read_query, read_score_request
from undertow.serving.published.scores import PublishedScores
from undertow.serving.published.spreadsheet import as_csv

PATIENCE = 300.0  # seconds in which rows must be scored
PAGES = ("/", "/accounts/{account_id:path}")


def make_app(store_folder: Path, prefix: str = "") -> Starlette:
    """Return the ASGI app that answers from the newest publication in `store_folder`; `prefix`: of every link."""
    routes = [
        Route("/v1/score", score, methods=["POST"]),
        Route("/v1/at-risk", at_risk),
        Route("/v1/accounts/{account_id:path}", account),
        Route("/v1/drivers", drivers),
        Route("/v1/features", features),
        Route("/v1/model", model),
        Route("/openapi.json", description),
        Route(PAGES[0], list_page),
        Route(PAGES[1], account_page),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]
    worker = RowWorker()
    reader = ScoresReader(store_folder, worker.prove)
    counted = Metrics(reader)
    middleware = [
        Middleware(RequestMetrics, metrics=counted, routes=frozenset(route.path for route in routes)),
        Middleware(WhichList, reader=reader),
        Middleware(LastResort),
    ]
    refused = dict.fromkeys((*STATUS, HTTPException, ClientDisconnect), refuse)
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=refused)
    app.router.redirect_slashes = False
    app.state.prefix = prefix
    app.state.reading = None  # the task that reads a newer publication
    app.state.reader, app.state.worker, app.state.metrics = reader, worker, counted
    app.state.queue = RowQueue(counted.rows_waiting.set)
    return app


# --- endpoints ---


async def score(request: Request) -> Response:
    """POST /v1/score: the published scores of `account_ids`, unknown ids beside them, or feature `rows` scored live."""
    no_query(request)
    body = await read_body(request)
    scoring = read_score_request(body, ShallowScoreRequest)
    published = await newest(request)
    if scoring.account_ids is not None:
        return ready_json(published.scored_json(scoring.account_ids, scoring.explain))
    queue, number = request.app.state.queue, scoring.number
    with queue.admitted(number):
        asked = await asyncio.to_thread(request.app.state.worker.ask, "score", str(published.folder), body)
        reply = await answered(asked)
        queue.took(number, reply.seconds)
    return ready_json(reply.body)


async def answered(asked: Future[Reply]) -> Reply:
    """Return the reply of the scoring process, or raise HTTPException 504 after PATIENCE."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.wrap_future(asked)
    except TimeoutError:
        raise HTTPException(504, f"The rows were not scored within {PATIENCE:g} s. Send fewer at a time.") from None


async def at_risk(request: Request) -> Response:
    """GET /v1/at-risk: the list, as JSON or CSV."""
    query = read_query(request.query_params.multi_items())
    published = await newest(request)
    if query.format == "csv":
        made = published.answers.get(("csv", query), lambda: as_csv(published.select(query).rows).encode())
        return as_download(made, f"at-risk-{published.manifest['as_of'][:10]}.csv")
    return ready_json(published.answers.get(("list", query), lambda: published.list_json(query)))


async def account(request: Request) -> Response:
    """GET /v1/accounts/{account_id}: one account as published."""
    no_query(request)
    return ready_json((await newest(request)).account_json(request.path_params["account_id"]))


async def drivers(request: Request) -> Response:
    """GET /v1/drivers: contributions to the scores per feature family, overall and by segment."""
    return await said(request, "drivers")


async def features(request: Request) -> Response:
    """GET /v1/features: what each feature of a row is: sentence, type, unit, known texts, and what null means."""
    return await said(request, "described")


async def model(request: Request) -> Response:
    """GET /v1/model: the version of the model that made the list: dates, results, verdict and model card."""
    return await said(request, "model")


async def said(request: Request, what: str) -> Response:
    """Answer with what was published beside the list."""
    no_query(request)
    published = await newest(request)
    return ready_json(published.answers.get(what, lambda: msgspec.json.encode(getattr(published, what))))


async def description(request: Request) -> Response:
    """GET /openapi.json: the OpenAPI description of /v1."""
    return ready_json(openapi_json())


async def list_page(request: Request) -> Response:
    """GET /: the at-risk list as a page."""
    query = read_query(request.query_params.multi_items())
    published, root, notice = await newest(request), root_of(request), notice_of(request)

    def page() -> bytes:
        return pages.at_risk(published, query, published.select(query), root, notice).encode()

    return as_page(published.answers.get(("page", query, root, notice), page))


async def account_page(request: Request) -> Response:
    """GET /accounts/{account_id}: one account as a page."""
    published, root, notice = await newest(request), root_of(request), notice_of(request)
    account_id = request.path_params["account_id"]

    def page() -> bytes:
        return pages.account(published, published.account(account_id), root, notice).encode()

    return as_page(published.answers.get(("account", account_id, root, notice), page))


async def alive(request: Request) -> Response:
    """GET /healthz: liveness of this process."""
    return PlainTextResponse("alive\n")


async def ready(request: Request) -> Response:
    """GET /readyz: readiness; 503 until scores are published and read."""
    await newest(request)
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """GET /metrics: Prometheus text."""
    text = await asyncio.to_thread(request.app.state.metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})


# --- reading ---


async def newest(request: Request) -> PublishedScores:
    """Return the publication in memory, the first time after reading it; a thread begins to read a newer one."""
    state = request.app.state
    reader: ScoresReader = state.reader
    if reader.held is None:
        return await asyncio.to_thread(reader.latest)
    if not reader.is_fresh() and (state.reading is None or state.reading.done()):
        state.reading = asyncio.create_task(asyncio.to_thread(reader.latest))
    return reader.held


def notice_of(request: Request) -> str:
    """Return the notice that a newer list cannot be read, or an empty text."""
    return notice(request.app.state.reader)
