"""The forms of the pages that set a status and save a view; each checks that it was sent from a page of ours."""

from __future__ import annotations

import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from undertow.features.errors import NoTeam, RequestError, TeamError
from undertow.serving.access.roles import caller_of
from undertow.serving.api.guard import COOKIE, Access, note
from undertow.serving.api.login import FORGED, read_form
from undertow.serving.api.prefix import root_of
from undertow.serving.api.problems import STATUS
from undertow.serving.api.team.on_pages import OPEN_COOKIE, account_with_team
from undertow.serving.api.team.routes import refuse_unknown
from undertow.serving.api.team.work import now, team_of, who
from undertow.serving.api.which_list import newest
from undertow.serving.pages.team import place_after
from undertow.serving.published.requests import trimmed
from undertow.serving.team.requests import ViewRequest, read_form_as_status
from undertow.serving.team.statuses import set_status
from undertow.serving.team.views import checked_query, remove_view, save_view


async def status_form(request: Request) -> Response:
    """POST /accounts/{account_id}: set the status of an account, and lead back to its page.

    A form that is refused comes back with what it held and the reason above it.
    """
    sent = await read_checked_form(request)
    published = await newest(request)
    account_id = trimmed(request.path_params["account_id"])
    refuse_unknown(request, published, account_id, has_status=False)
    try:
        await team_of(request).write(set_status, account_id, read_form_as_status(sent), who(request), now())
    except (RequestError, TeamError) as error:
        if isinstance(error, NoTeam):
            raise
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
        return await account_with_team(request, published, status=status, refused=str(error), sent=sent)
    note(request, "status set")
    return RedirectResponse(place_after(root_of(request), account_id), 303)


async def view_form(request: Request) -> Response:
    """POST /views: save the query that a page shows as a view, or remove one, and lead back to that page."""
    sent = await read_checked_form(request)
    team, name, query = team_of(request), sent.get("name", ""), checked_query(sent.get("query", ""))
    if sent.get("do") == "remove":
        await team.write(remove_view, who(request), name)
        note(request, "view removed")
    else:
        await team.write(save_view, who(request), name, ViewRequest(query, "shared" in sent), now())
        note(request, "view saved")
    return RedirectResponse(f"{root_of(request)}{'?' if query else ''}{query}", 303)


async def read_checked_form(request: Request) -> dict[str, str]:
    """Return the fields of a form of ours. Raises HTTPException 403 where it may have been sent by another site."""
    sent = await read_form(request)
    access: Access = request.app.state.access
    given = sent.get("csrf", "")
    if access.keys.is_open():
        kept = request.cookies.get(OPEN_COOKIE, "")
        from_ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
        is_ours = from_ours and bool(kept) and secrets.compare_digest(kept.encode(), given.encode())
    else:
        cookie = request.cookies.get(COOKIE, "")
        is_ours = bool(caller_of(request.scope).csrf) and access.sessions.is_csrf_of(cookie, given)
    if not is_ours:
        raise HTTPException(403, FORGED)
    return sent
