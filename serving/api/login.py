"""Signing in to the pages with a key, and out: a form, and a signed cookie. Programs send the key itself."""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from undertow.features.errors import TooLarge
from undertow.serving import pages
from undertow.serving.access.audit import Event
from undertow.serving.access.keys import Key
from undertow.serving.access.roles import READERS
from undertow.serving.access.sessions import FORM_LIFETIME, LIFETIME
from undertow.serving.api.guard import COOKIE, NOT_LIVING, SIGN_IN, Access, checked_next
from undertow.serving.api.prefix import is_tls, root_of
from undertow.serving.api.responses import as_page

FORM_COOKIE = "undertow-sign-in"
MAX_FORM = 10_000  # bytes
FORGED = "The form is too old, or was not sent from the page of this service. Open the page again."
FOR_PROGRAMS = "This is a key for programs, of the role scorer. Pages need a reader's or an admin's."


async def login(request: Request) -> Response:
    """GET /login: the sign-in form. POST /login: begin a session with a key."""
    access: Access = request.app.state.access
    if access.keys.is_open():
        return RedirectResponse(root_of(request), 303)
    if request.method != "POST":
        return _form(request, checked_next(request.query_params.get("next", "")))
    sent = await read_form(request)
    if not access.sessions.is_form(request.cookies.get(FORM_COOKIE, ""), sent.get("csrf", "")):
        raise HTTPException(403, FORGED)
    after = checked_next(sent.get("next", ""))
    token = sent.get("key", "").strip()
    key = await access.key_of_token(token)
    if key is None:
        access.note_refused(token, "/login")
        return _form(request, after, NOT_LIVING)
    if key.role not in READERS:
        _note(access, "login refused", key, "/login")
        return _form(request, after, FOR_PROGRAMS)
    _note(access, "login", key, "/login")
    answer = RedirectResponse(root_of(request) + after, 303)
    set_cookie(request, answer, COOKIE, access.sessions.begin(key), LIFETIME)
    set_cookie(request, answer, FORM_COOKIE, "", 0)
    return answer


async def logout(request: Request) -> Response:
    """POST /logout: end the session of this browser."""
    access: Access = request.app.state.access
    answer = RedirectResponse(f"{root_of(request)}login", 303)
    if access.keys.is_open():
        return answer
    cookie, sent = request.cookies.get(COOKIE, ""), await read_form(request)
    key = access.sessions.key_of(cookie)
    if key is not None and not access.sessions.is_csrf_of(cookie, sent.get("csrf", "")):
        raise HTTPException(403, FORGED)
    if key is not None:
        _note(access, "logout", key, "/logout")
    set_cookie(request, answer, COOKIE, "", 0)
    return answer


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises HTTPException 415 for another content type, TooLarge beyond MAX_FORM."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Expected the form of the page (application/x-www-form-urlencoded).")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise TooLarge(f"The form is over {MAX_FORM:,} bytes.")
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=10))
    except ValueError as error:
        raise HTTPException(400, "The form cannot be read.") from error


def _form(request: Request, after: str, refused: str = "") -> Response:
    nonce, token = request.app.state.access.sessions.new_form()
    answer = as_page(pages.login(root_of(request), token, after, refused), 401 if refused else 200)
    if refused:
        answer.headers.update(SIGN_IN)
    set_cookie(request, answer, FORM_COOKIE, nonce, FORM_LIFETIME)
    return answer


def set_cookie(
    request: Request, answer: Response, name: str, value: str, seconds: int, same: Literal["lax", "strict"] = "lax"
) -> None:
    """Set a cookie that no script reads, no other site sends with a form, and TLS alone carries where there is TLS.

    `same`: "strict" keeps it back also where another site links here.
    """
    root = root_of(request)
    path = root.rstrip("/") if root.startswith("/") else ""
    answer.set_cookie(name, value, seconds, path=path or "/", secure=is_tls(request), httponly=True, samesite=same)


def _note(access: Access, event: Event, key: Key, route: str) -> None:
    access.audit.note(event, key.id, key.name, route)
