"""HTTP routes: read the request, look up, score, answer. Errors are problem+json."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from undertow.serving import pages
from undertow.serving.access.roles import ADMINS, ANY_ROLE, READERS, SCORERS
from undertow.serving.api.guard import Access, Guard, Rules, needs, note
from undertow.serving.api.limits import no_query, read_body
from undertow.serving.api.login import login, logout
from undertow.serving.api.openapi import openapi_json, openapi_tag
from undertow.serving.api.prefix import NAMED_PAGES, root_of
from undertow.serving.api.prepared import kept_answer, ready_answer, whole_list
from undertow.serving.api.problems import STATUS, LastResort, refuse
from undertow.serving.api.prometheus import CONTENT_TYPE, Metrics, RequestMetrics
from undertow.serving.api.request_id import RequestId
from undertow.serving.api.responses import PRIVATE, as_page, ready_json, signed_in
from undertow.serving.api.team.forms import status_form, view_form
from undertow.serving.api.team.on_pages import account_with_team, list_with_team
from undertow.serving.api.team.routes import account_status, status_history, statuses, view, views
from undertow.serving.api.team.work import TeamWork
from undertow.serving.api.which_list import WhichList, newest, newest_of_all, notice_of, of_run
from undertow.serving.live.frames import Reply
from undertow.serving.live.row_queue import RowQueue
from undertow.serving.live.row_worker import RowWorker
from undertow.serving.pages.journeys import overviews
from undertow.serving.pages.journeys.drivers import drivers as drivers_html
from undertow.serving.pages.model import model_page as pages_of_model
from undertow.serving.published.encoded import Prepared
from undertow.serving.published.history.account import history_of
from undertow.serving.published.history.portfolio import portfolio as roll_up
from undertow.serving.published.list_query import read_query
from undertow.serving.published.overviews.drivers_query import chosen_group, read_drivers_query, select_drivers
from undertow.serving.published.reader import ScoresReader
from undertow.serving.published.requests import ShallowScoreRequest, read_score_request, trimmed
from undertow.serving.published.scores import PublishedScores

PATIENCE = 300.0  # seconds in which rows must be scored
PAGES = ("/", "/accounts/{account_id:path}", *(f"/{name}" for name in NAMED_PAGES))
OPEN = Rules()


def make_app(store_folder: Path, prefix: str = "", rules: Rules = OPEN, team: str = "") -> Starlette:
    """Return the ASGI app that answers from the newest publication in `store_folder`; `prefix`: of every link.

    `rules`: how it is guarded; by default everybody may ask, by any host's name, while the store has no keys.
    `team`: the address of the database of statuses and saved views; without one the app is read-only.
    """
    routes = [
        Route("/v1/score", needs(SCORERS, score), methods=["POST"]),
        Route("/v1/at-risk", needs(READERS, at_risk)),
        Route("/v1/accounts/{account_id:path}/history", needs(READERS, account_history)),
        Route("/v1/accounts/{account_id:path}", needs(READERS, account)),
        Route("/v1/drivers", needs(READERS, drivers, all_accounts=True)),
        Route("/v1/drivers/months", needs(READERS, drivers_by_month, all_accounts=True)),
        Route("/v1/journeys", needs(READERS, journeys, all_accounts=True)),
        Route("/v1/personas", needs(READERS, personas, all_accounts=True)),
        Route("/v1/features", needs(ANY_ROLE, features)),
        Route("/v1/model", needs(ANY_ROLE, model)),
        Route("/openapi.json", needs(ANY_ROLE, description)),
        Route(PAGES[0], needs(READERS, list_page)),
        Route(PAGES[1], needs(READERS, account_page)),
        Route(PAGES[2], needs(READERS, drivers_page, all_accounts=True)),
        Route(PAGES[1], needs(READERS, status_form), methods=["POST"]),
        Route("/views", needs(READERS, view_form), methods=["POST"]),
        Route("/v1/statuses", needs(READERS, statuses)),
        Route("/v1/statuses/{account_id:path}", needs(READERS, account_status), methods=["GET", "PUT"]),
        Route("/v1/status-history", needs(READERS, status_history)),
        Route("/v1/views", needs(READERS, views)),
        Route("/v1/views/{name}", needs(READERS, view), methods=["GET", "PUT", "DELETE"]),
        Route(PAGES[3], needs(READERS, journeys_page, all_accounts=True)),
        Route(PAGES[4], needs(READERS, personas_page, all_accounts=True)),
        Route("/v1/portfolio", needs(READERS, portfolio)),
        Route(PAGES[5], needs(READERS, model_page)),
        Route(PAGES[6], needs(READERS, portfolio_page)),
        Route("/login", login, methods=["GET", "POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/healthz", alive),
        Route("/readyz", ready),
        Route("/metrics", needs(ADMINS, metrics, all_accounts=True)),
    ]
    access = Access(store_folder, rules)
    worker = RowWorker()
    reader = ScoresReader(store_folder, worker.prove)
    counted = Metrics(reader)
    middleware = [
        Middleware(RequestMetrics, metrics=counted, routes=frozenset(route.path for route in routes)),
        Middleware(RequestId),
        Middleware(LastResort),
        Middleware(Guard, access=access),
        Middleware(WhichList, reader=reader),
    ]
    refused = dict.fromkeys((*STATUS, HTTPException, ClientDisconnect), refuse)
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=refused)
    app.router.redirect_slashes = False
    app.state.prefix, app.state.access, app.state.store = prefix, access, store_folder
    app.state.reading = None  # the task that reads a newer publication
    app.state.reader, app.state.worker, app.state.metrics = reader, worker, counted
    app.state.team = TeamWork(team)
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
    """GET /v1/at-risk: the list, as JSON in pages, or whole as CSV or JSON lines."""
    query = read_query(request.query_params.multi_items())
    published = await of_run(request, query.run)
    if query.format == "json":
        answer = await kept_answer(request, published, ("list", query), lambda: published.list_json(query))
    else:
        answer = await whole_list(request, published, query)
    note(request, "export")
    return answer


async def account(request: Request) -> Response:
    """GET /v1/accounts/{account_id}: one account as published."""
    no_query(request)
    published = await newest(request)
    return ready_answer(request, published.tag, published.account_json(request.path_params["account_id"]))


async def account_history(request: Request) -> Response:
    """GET /v1/accounts/{account_id}/history: what every list said of an account, also of one that has left."""
    no_query(request)
    published, everybody = await newest(request), await newest_of_all(request)
    account_id, store = trimmed(request.path_params["account_id"]), request.app.state.store

    def made() -> Prepared:
        return Prepared(msgspec.json.encode(history_of(store, published, everybody, account_id)))

    return await kept_answer(request, published, ("history", account_id), made)


async def drivers(request: Request) -> Response:
    """GET /v1/drivers: contributions to the scores per feature family, overall and by segment."""
    return await said(request, "drivers")


async def drivers_by_month(request: Request) -> Response:
    """GET /v1/drivers/months: what the scores of a group react to, month by month, beside business metrics."""
    query = read_drivers_query(request.query_params.multi_items())
    published = await newest(request)

    def made() -> Prepared:
        return Prepared(msgspec.json.encode(select_drivers(published.drivers_by_month, query)))

    return await kept_answer(request, published, ("drivers by month", query), made)


async def journeys(request: Request) -> Response:
    """GET /v1/journeys: the touchpoints, with churn and value of those who met trouble there."""
    return await said(request, "journeys")


async def personas(request: Request) -> Response:
    """GET /v1/personas: groups of accounts by behaviour, with their churn and value."""
    return await said(request, "personas")


async def portfolio(request: Request) -> Response:
    """GET /v1/portfolio: the list by owner and by segment, and what moved since the list before."""
    no_query(request)
    published = await newest(request)
    return await kept_answer(request, published, "portfolio", lambda: Prepared(msgspec.json.encode(roll_up(published))))


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
    return await kept_answer(request, published, what, lambda: Prepared(msgspec.json.encode(getattr(published, what))))


async def description(request: Request) -> Response:
    """GET /openapi.json: the OpenAPI description of /v1."""
    return ready_answer(request, openapi_tag(), openapi_json())


async def list_page(request: Request) -> Response:
    """GET /: the at-risk list as a page; a form with empty fields leads to the URL without them."""
    pairs = request.query_params.multi_items()
    query = read_query(pairs).unwritten
    root = root_of(request)
    if not all(text for _, text in pairs):
        return RedirectResponse(query.link(root), 303, PRIVATE)
    published, notice = await newest(request), notice_of(request)

    def page() -> bytes:
        return pages.at_risk(published, query, published.select(query), root, notice).encode()

    html = published.kept(("page", query, root, notice), page)
    return await list_with_team(request, html, query)


async def account_page(request: Request) -> Response:
    """GET /accounts/{account_id}: one account as a page; the query is that of the list from which it was opened."""
    query = read_query(request.query_params.multi_items())
    return await account_with_team(request, await newest(request), query)


async def drivers_page(request: Request) -> Response:
    """GET /drivers: what the scores react to, as a page; its form leads to the URL of what was chosen."""
    pairs, root = chosen_group(request.query_params.multi_items()), root_of(request)
    query = read_drivers_query(pairs)
    if pairs != request.query_params.multi_items() or not all(text for _, text in pairs):
        return RedirectResponse(query.link(f"{root}drivers"), 303, PRIVATE)
    published, notice = await newest(request), notice_of(request)

    def page() -> bytes:
        return drivers_html(published, query, root, notice).encode()

    return as_page(signed_in(published.kept(("drivers page", query, root, notice), page), request))


async def journeys_page(request: Request) -> Response:
    """GET /journeys: the touchpoints as a page."""
    return await overview_page(request, "journeys", overviews.journeys)


async def personas_page(request: Request) -> Response:
    """GET /personas: the personas as a page."""
    return await overview_page(request, "personas", overviews.personas)


async def model_page(request: Request) -> Response:
    """GET /model: the model of the list as a page."""
    return await overview_page(request, "model page", pages_of_model.model_page)


async def portfolio_page(request: Request) -> Response:
    """GET /portfolio: the list by owner and by segment, as a page."""
    return await overview_page(request, "portfolio page", overviews.portfolio)


async def overview_page(request: Request, name: str, page: Callable[[PublishedScores, str, str], str]) -> Response:
    """Answer with a page about the caller's accounts; `page`: makes it of the publication, the root and a notice."""
    no_query(request)
    published, root, notice = await newest(request), root_of(request), notice_of(request)
    made = published.kept((name, root, notice), lambda: page(published, root, notice).encode())
    return as_page(signed_in(made, request))


async def alive(request: Request) -> Response:
    """GET /healthz: liveness of this process."""
    return PlainTextResponse("alive\n", headers=PRIVATE)


async def ready(request: Request) -> Response:
    """GET /readyz: readiness; 503 until scores are published and read."""
    await newest_of_all(request)
    return PlainTextResponse("ready\n", headers=PRIVATE)


async def metrics(request: Request) -> Response:
    """GET /metrics: Prometheus text."""
    text = await asyncio.to_thread(request.app.state.metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE})
