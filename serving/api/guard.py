"""Who may ask: a request's Host is checked, then its key, the key's rate limit, and the role that the route needs."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from undertow.features.errors import AccessError
from undertow.serving.access.audit import Audit, Event
from undertow.serving.access.hosts import allowed_hosts, host_name
from undertow.serving.access.key_reader import KeyReader
from undertow.serving.access.keys import Key
from undertow.serving.access.rate_limit import RateLimit
from undertow.serving.access.roles import ANYONE, NOBODY, SCOPE, Caller, Roles, caller_of
from undertow.serving.access.sessions import Sessions
from undertow.serving.access.token_check import TokenCheck, TooManyTries
from undertow.serving.access.tokens import read_token
from undertow.serving.api.prefix import root_of
from undertow.serving.api.problems import refuse, wants_page
from undertow.serving.formatting import short

Endpoint = Callable[[Request], Awaitable[Response]]
FORMS = ("/accounts/", "/views")  # how addresses begin that forms of the pages are sent to; they check a CSRF token
PROBES = frozenset({"/healthz", "/readyz"})  # as BentoML's, they need no key and are asked by any name
WITHOUT_KEY = PROBES | {"/login", "/logout"}
COOKIE = "undertow"
SIGN_IN = {"WWW-Authenticate": 'Bearer realm="undertow"'}
NO_KEY = "Expected a key: send Authorization: Bearer undertow_... , which `undertow keys add` prints."
NOT_LIVING = "This key is unknown, revoked or expired. `undertow keys list` shows which there are."
NEXT = re.compile(r"(?:accounts/[!-~]+|drivers|journeys|personas|portfolio)?(?:\?[!-~]*)?")  # a page below the list
LONGEST_NEXT = 2_000  # characters


@dataclass(frozen=True)
class Rules:
    """How a service is guarded.

    `open_without_keys`: whether everybody may ask while there are no keys. `hosts`: names that it answers to, in lower
    case; None: any. `home`: a private folder that its workers share; None: each worker limits rates by itself.
    `audit_log`: a file that the audit log is appended to as well.
    """

    open_without_keys: bool = True
    hosts: frozenset[str] | None = None
    home: Path | None = None
    audit_log: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Rules:
        """Return the rules of a started service: with keys, unless UNDERTOW_OPEN=1 and there are none.

        UNDERTOW_HOSTS: names that it answers to beside localhost, with commas. UNDERTOW_HOME, UNDERTOW_AUDIT_LOG: the
        paths of `home` and `audit_log`.
        """
        home, audit_log = environment.get("UNDERTOW_HOME"), environment.get("UNDERTOW_AUDIT_LOG")
        return cls(
            open_without_keys=environment.get("UNDERTOW_OPEN") == "1",
            hosts=allowed_hosts(environment.get("UNDERTOW_HOSTS", "").split(",")),
            home=Path(home) if home else None,
            audit_log=Path(audit_log) if audit_log else None,
        )


class Access:
    """The keys, sessions, limits and audit log of one app."""

    def __init__(self, store: Path, rules: Rules) -> None:
        """`store`: the folder whose `access/` holds the keys."""
        self.hosts = rules.hosts
        self.keys = KeyReader(store, rules.open_without_keys)
        self.limit = RateLimit(rules.home)
        self.tokens = TokenCheck(self.keys, self.limit)
        self.sessions = Sessions(self.keys)
        self.audit = Audit(rules.audit_log)

    async def key_of_token(self, token: str) -> Key | None:
        """Return the living key of a token, or None. Raises HTTPException 429 for too many tries."""
        try:
            return await self.tokens.key_of(token)
        except TooManyTries as error:
            refuse_haste(error.wait, "Too many wrong secrets were tried for this key.")

    def note_refused(self, token: str, route: str) -> None:
        """Write into the audit log that a token was refused; its key is named where its id is that of a living one."""
        known = self.keys.living((read_token(token) or ("",))[0])
        self.audit.note("login refused", known.id if known else None, known.name if known else None, route)


class Guard:
    """ASGI middleware that finds the caller of each request, and refuses those that nobody may make."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or answer why not."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        try:
            if scope["path"] not in PROBES:
                refuse_host(scope["headers"], self._access.hosts)
            scope[SCOPE] = await self._caller(scope)
        except (HTTPException, AccessError) as error:
            answer = await _answer(Request(scope), error)
            return await answer(scope, receive, send)
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        access = self._access
        if scope["path"] in WITHOUT_KEY:
            return NOBODY
        if access.keys.is_open():
            return ANYONE
        request = Request(scope)
        key, csrf = await self._key(request)
        wait = access.limit.request(key)
        if wait:
            refuse_haste(wait, f"This key may ask {key.per_minute:,} times a minute.")
        return Caller(key.id, key.name, key.role, key.owner, csrf)

    async def _key(self, request: Request) -> tuple[Key, str]:
        """Return the key of a request, and the CSRF token of its session. Raises HTTPException 401 without one.

        A session counts for reading, and for the forms of pages, which check their own CSRF token.
        """
        sent = request.headers.getlist("authorization")
        if sent:
            token = _bearer(sent)
            key = await self._access.key_of_token(token)
            if key is not None:
                return key, ""
            self._access.note_refused(token, _template(request))
            _refuse_key(NOT_LIVING)
        cookie = request.cookies.get(COOKIE, "")
        if cookie and (request.method in ("GET", "HEAD") or _is_form(request)):
            key = self._access.sessions.key_of(cookie)
            if key is not None:
                return key, self._access.sessions.csrf_of(cookie)
        _refuse_key(NO_KEY)


def needs(roles: Roles, endpoint: Endpoint, all_accounts: bool = False) -> Endpoint:
    """Return an endpoint that answers callers of these roles; `all_accounts`: and none who sees only an owner's."""

    async def checked(request: Request) -> Response:
        refuse_role(caller_of(request.scope), roles, all_accounts)
        return await endpoint(request)

    return checked


def refuse_role(caller: Caller, roles: Roles, all_accounts: bool = False) -> None:
    """Raise HTTPException 403 where a caller's role or owner does not allow what it asks."""
    if caller.role not in roles:
        allowed = " or ".join(sorted(roles))
        raise HTTPException(403, f"The key '{caller.name}' is a {caller.role}'s; this needs the role {allowed}.")
    if all_accounts and caller.owner is not None:
        raise HTTPException(
            403, f"The key '{caller.name}' sees the accounts of one owner; this is said of all accounts together."
        )


def refuse_host(headers: Iterable[tuple[bytes, bytes]], hosts: frozenset[str] | None) -> None:
    """Raise HTTPException 400 without exactly one Host header, and 421 for a name that is not answered to."""
    if hosts is None:
        return
    sent = [value for name, value in headers if name == b"host"]
    name = host_name(sent[0].decode("latin-1")) if len(sent) == 1 else None
    if name is None:
        raise HTTPException(400, f"Expected one Host header with a name or an address; {len(sent)} came.")
    if name not in hosts:
        raise HTTPException(
            421, f"The service does not answer to the host '{short(name)}'. `undertow serve --allow-host` allows it."
        )


def refuse_haste(wait: float, why: str) -> NoReturn:
    """Raise HTTPException 429 with Retry-After; `wait`: seconds."""
    seconds = max(1, math.ceil(wait))
    raise HTTPException(429, f"{why} Try again in {seconds} s.", {"Retry-After": str(seconds)})


def checked_next(text: str) -> str:
    """Return the address of a page of ours below the list, or an empty text where it could lead anywhere else."""
    decoded = text.lower().replace("%2e", ".").partition("?")[0]
    is_ours = NEXT.fullmatch(text) and "\\" not in text and not {".", ".."} & set(decoded.split("/"))
    return text if is_ours and len(text) <= LONGEST_NEXT else ""


def note(request: Request, event: Event) -> None:
    """Write into the audit log what a caller did, where it has a key: by its route, without account or value."""
    caller = caller_of(request.scope)
    if caller.key_id:
        request.app.state.access.audit.note(event, caller.key_id, caller.name, request.scope["route"].path)


def _is_form(request: Request) -> bool:
    return request.method == "POST" and request.scope["path"].startswith(FORMS)


async def _answer(request: Request, error: Exception) -> Response:
    """Return a refusal; where a person reads a page without being signed in, the way to the sign-in form."""
    is_unknown = isinstance(error, HTTPException) and error.status_code == 401
    if not (is_unknown and wants_page(request)) or "authorization" in request.headers:
        return await refuse(request, error)
    after = quote(_asked(request), safe="")
    return RedirectResponse(f"{root_of(request)}login{'?next=' if after else ''}{after}", 303)


def _asked(request: Request) -> str:
    if request.method not in ("GET", "HEAD"):
        return ""
    path = (request.scope.get("raw_path") or quote(request.scope["path"]).encode()).decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    return checked_next(f"{path[1:]}{'?' if query else ''}{query}")


def _template(request: Request) -> str:
    """Return the template of the route that is asked, which names no account."""
    matching = (route.path for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return next(matching, "unknown")


def _bearer(sent: list[str]) -> str:
    scheme, _, token = sent[0].partition(" ")
    if len(sent) != 1 or scheme.lower() != "bearer":
        _refuse_key(NO_KEY)
    return token.strip()


def _refuse_key(why: str) -> NoReturn:
    raise HTTPException(401, why, SIGN_IN)
