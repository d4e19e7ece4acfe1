"""Routes of /v1 for statuses and saved views."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from undertow.serving.access.roles import caller_of
from undertow.serving.api.guard import note
from undertow.serving.api.limits import no_query, read_body
from undertow.serving.api.responses import PRIVATE, as_json
from undertow.serving.api.team.work import now, team_of, who
from undertow.serving.api.which_list import newest
from undertow.serving.published.requests import trimmed
from undertow.serving.published.scores import PublishedScores
from undertow.serving.team.answers import AccountStatus, StatusHistory, StatusList, ViewList
from undertow.serving.team.export import for_spreadsheets, history_csv, statuses_csv, with_names
from undertow.serving.team.requests import (
    HistoryQuery,
    StatusQuery,
    StatusRequest,
    ViewRequest,
    most,
    read_body_as,
    read_team_query,
)
from undertow.serving.team.statuses import list_history, list_statuses, set_status, status_and_history
from undertow.serving.team.views import find_view, list_views, remove_view, save_view


async def statuses(request: Request) -> Response:
    """GET /v1/statuses: the statuses that were set, as JSON or CSV, of accounts that have left the list too."""
    query = read_team_query(request.query_params.multi_items(), StatusQuery)
    published = await newest(request)
    total, found = await team_of(request).read(list_statuses, query, now().date(), _among(request, published))
    found = with_names(found, published)
    note(request, "export")
    if query.format == "csv":
        return _csv(statuses_csv(found), "statuses.csv")
    return as_json(StatusList(total, most(query) or 0, query.offset, found))


async def status_history(request: Request) -> Response:
    """GET /v1/status-history: the changes of statuses, as JSON or CSV: who, when, what before, what since."""
    query = read_team_query(request.query_params.multi_items(), HistoryQuery)
    published = await newest(request)
    total, found = await team_of(request).read(list_history, query, _among(request, published))
    note(request, "export")
    if query.format == "csv":
        return _csv(history_csv(found), "status-history.csv")
    return as_json(StatusHistory(total, most(query) or 0, query.offset, found))


async def account_status(request: Request) -> Response:
    """GET /v1/statuses/{account_id}: the status of an account and its history. PUT: set it."""
    no_query(request)
    team, account_id = team_of(request), trimmed(request.path_params["account_id"])
    sent = read_body_as(await read_body(request), StatusRequest) if request.method == "PUT" else None
    published = await newest(request)
    status, history = await team.read(status_and_history, account_id, now().date())
    refuse_unknown(request, published, account_id, status.version > 0)
    if sent is not None:
        await team.write(set_status, account_id, sent, who(request), now())
        note(request, "status set")
        status, history = await team.read(status_and_history, account_id, now().date())
    return as_json(AccountStatus(with_names([status], published)[0], history))


async def views(request: Request) -> Response:
    """GET /v1/views: the saved views that the caller may use."""
    no_query(request)
    return as_json(ViewList(await team_of(request).read(list_views, who(request), sees_shared(request))))


async def view(request: Request) -> Response:
    """GET /v1/views/{name}: a saved view. PUT: save it. DELETE: remove it."""
    no_query(request)
    team, name = team_of(request), request.path_params["name"]
    if request.method == "PUT":
        sent = read_body_as(await read_body(request), ViewRequest)
        answer = await team.write(save_view, who(request), name, sent, now())
        note(request, "view saved")
    elif request.method == "DELETE":
        answer = await team.write(remove_view, who(request), name)
        note(request, "view removed")
    else:
        answer = await team.read(find_view, who(request), name, sees_shared(request))
    return as_json(answer)


def refuse_unknown(request: Request, published: PublishedScores, account_id: str, has_status: bool) -> None:
    """Raise UnknownAccount for an account that is not on the caller's list.

    One that has left the list keeps its status, which those see and set whose key shows all accounts.
    """
    if account_id in published.position or (has_status and caller_of(request.scope).owner is None):
        return
    published.account(account_id)


def sees_shared(request: Request) -> bool:
    """Return whether a caller sees views of others: their filters name owners, of whom a key of one owner sees none."""
    return caller_of(request.scope).owner is None


def _among(request: Request, published: PublishedScores) -> dict[str, int] | None:
    return None if caller_of(request.scope).owner is None else published.position


def _csv(text: str, name: str) -> Response:
    headers = PRIVATE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(for_spreadsheets(text), 200, headers, "text/csv")
