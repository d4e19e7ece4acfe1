"""A guarded app over the six accounts, with a key of each role, and browsers that sign in to it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.serving.client import Client
from undertow.serving.access.keys import add_key, revoke_key
from undertow.serving.access.roles import Role
from undertow.serving.api.app import make_app
from undertow.serving.api.guard import Rules

MARA, TOM = "Mara Lindqvist", "Tom Okafor"
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
OWNERS = {"mara": MARA, "mara-scorer": MARA, "mara-admin": MARA, "tom": TOM, "nobody": "Nobody At All"}
ROLES = {
    "reader": Role.reader, "scorer": Role.scorer, "admin": Role.admin, "mara": Role.reader, "mara-scorer": Role.scorer,
    "mara-admin": Role.admin, "tom": Role.reader, "nobody": Role.reader,
}  # fmt: skip
CLOSED = Rules(open_without_keys=False)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Guarded:
    """An app that needs keys. `tokens`: by the name of the key."""

    client: Client
    store: Path
    tokens: dict[str, str]

    def ask(self, who: str, method: str, url: str, **more: Any) -> httpx.Response:
        """Send a request with the key of that name, or without one ("")."""
        sent = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        headers = {**sent, **more.pop("headers", {})}
        return asyncio.run(self.client.send(method, url, headers=headers, **more))

    def get(self, who: str, url: str, **more: Any) -> httpx.Response:
        return self.ask(who, "GET", url, **more)


def guard(store: Path, rules: Rules = CLOSED, team: str = "") -> Guarded:
    """Add the keys to a store and return the app over it; `team`: its database of statuses."""
    now = datetime.now(UTC)
    tokens = {
        name: add_key(store, name, role, now, OWNERS.get(name), per_minute=60_000)[1] for name, role in ROLES.items()
    }
    tokens["expired"] = add_key(store, "expired", Role.admin, now - timedelta(2), None, now - timedelta(1))[1]
    tokens["revoked"] = add_key(store, "revoked", Role.admin, now)[1]
    revoke_key(store, "revoked", now)
    return Guarded(Client(make_app(store, rules=rules, team=team)), store, tokens)


@dataclass
class Browser:
    """Keeps cookies, and sends forms as a browser does; follows nothing by itself."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    set: list[str] = field(default_factory=list)  # the cookies of the last answer, as they were set

    def ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": kept} if kept else {}
        headers = {"Accept": "text/html", **self.headers, **sent, **more.pop("headers", {})}
        answer = asyncio.run(self.client.send(method, url, headers=headers, **more))
        self.set = answer.headers.get_list("set-cookie")
        for each in self.set:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if not self.cookies[name]:
                del self.cookies[name]
        return answer

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.ask("GET", url, **more)

    def post(self, url: str, fields: dict[str, str], **more: Any) -> httpx.Response:
        return self.ask("POST", url, content=urlencode(fields), headers={**FORM, **more})

    def fields(self, page: httpx.Response) -> dict[str, str]:
        """Return the hidden fields of the forms of a page."""
        return {name: unescape(value) for name, value in HIDDEN.findall(page.text)}

    def sign_in(self, token: str, url: str = "/login") -> httpx.Response:
        return self.post("/login", self.fields(self.get(url)) | {"key": token})
