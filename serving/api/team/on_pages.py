"""The pages with what the team's database adds: a page is kept for its publication, these parts are read each time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from undertow.features.errors import NoTeam, TeamError
from undertow.serving import pages
from undertow.serving.access.roles import caller_of
from undertow.serving.api.guard import Access
from undertow.serving.api.login import set_cookie
from undertow.serving.api.prefix import root_of
from undertow.serving.api.responses import as_page, signed_in
from undertow.serving.api.team.routes import sees_shared
from undertow.serving.api.team.work import now, team_of, who
from undertow.serving.api.which_list import newest_of_all, notice_of
from undertow.serving.pages import team as parts
from undertow.serving.published.history.account import history_of
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.requests import trimmed
from undertow.serving.published.scores import PublishedScores
from undertow.serving.team.address import NONE_CONFIGURED, WHAT_TO_DO
from undertow.serving.team.answers import Status, View
from undertow.serving.team.database import Database
from undertow.serving.team.statuses import status_and_history, statuses_of
from undertow.serving.team.views import list_views, query_text

OPEN_COOKIE = "undertow-form"  # of a browser at a service without keys: what its forms must hold
ALL = AtRiskQuery()
COOKIE_SECONDS = 12 * 3600


async def list_with_team(request: Request, html: bytes, query: AtRiskQuery) -> Response:
    """Return the page of the list with the statuses of its accounts and the saved views."""
    token, by_account = form_token(request), {}
    try:
        asked = (parts.accounts_with_place(html), now().date(), who(request), sees_shared(request))
        statuses, views = await team_of(request).read(_of_list, *asked)
        by_account = parts.status_lines(statuses.values(), now().date())
        part = parts.views_part(root_of(request), views, query_text(query), token)
    except NoTeam:
        part = ""
    except TeamError as error:
        part = parts.unreadable(str(error))
    return with_token(request, as_page(signed_in(parts.laid_in(html, part, by_account), request)), token)


async def account_with_team(
    request: Request,
    published: PublishedScores,
    query: AtRiskQuery = ALL,
    status: int = 200,
    refused: str = "",
    sent: Mapping[str, str] | None = None,
) -> Response:
    """Return the page of an account with its status, its history and the form that sets it.

    `query`: of the list from which it was opened. `status`: of the answer; `refused`: why a form was refused; `sent`:
    what it held, which is shown again.
    """
    root, token = root_of(request), form_token(request)
    account_id = trimmed(request.path_params["account_id"])
    html = await account_html(request, published, account_id, root)
    html = pages.with_way(html, root, query, published.beside(query, account_id))
    try:
        found, history = await team_of(request).read(status_and_history, account_id, now().date())
        part = parts.account_part(root, found, history, now().date(), token, refused, sent)
    except NoTeam:
        part = parts.without_status(NONE_CONFIGURED, WHAT_TO_DO)
    except TeamError as error:
        part = _unreadable_status(str(error), sent)
    return with_token(request, as_page(signed_in(parts.laid_in(html, part, {}), request), status), token)


async def account_html(request: Request, published: PublishedScores, account_id: str, root: str) -> bytes:
    """Return the kept page of an account, or of one that has left the list; its history is read in a thread.

    Raises UnknownAccount.
    """
    notice = notice_of(request)
    key = ("account", account_id, root, notice)
    if (published.owner, key) in published.answers:
        return published.kept(key, bytes)
    everybody = await newest_of_all(request)
    history = await asyncio.to_thread(history_of, request.app.state.store, published, everybody, account_id)

    def page() -> bytes:
        if not history.on_list:
            return pages.gone(published, history, root, notice).encode()
        return pages.account(published, published.account(account_id), root, notice, history).encode()

    return published.kept(key, page)


def _unreadable_status(why: str, sent: Mapping[str, str] | None) -> str:
    """Return why there is no status; what a form held is shown, so that it is not lost."""
    names = [name for name in ("status", "until", "due", "owner", "note") if (sent or {}).get(name)]
    held = [f"Not saved: {', '.join(f'{name} “{(sent or {})[name]}”' for name in names)}"] if names else []
    return parts.without_status(parts.UNREADABLE.format(why=why), *held)


def _of_list(
    database: Database, account_ids: Sequence[str], today: date, name: str, with_shared: bool
) -> tuple[dict[str, Status], list[View]]:
    return statuses_of(database, account_ids, today), list_views(database, name, with_shared)


def form_token(request: Request) -> str:
    """Return the CSRF token that forms of a page hold; "" where the caller could not send them.

    With keys it is that of the session. Without keys it is a random one, which the browser also keeps as a cookie that
    no other site can have it send.
    """
    access: Access = request.app.state.access
    if not access.keys.is_open():
        return caller_of(request.scope).csrf
    kept = request.cookies.get(OPEN_COOKIE, "")
    return kept if len(kept) == 32 and kept.isalnum() else secrets.token_hex(16)


def with_token(request: Request, answer: Response, token: str) -> Response:
    """Return a page with the cookie that belongs to the token of its forms, where there are no keys."""
    if token and request.app.state.access.keys.is_open() and team_of(request).is_set:
        set_cookie(request, answer, OPEN_COOKIE, token, COOKIE_SECONDS, "strict")
    return answer
