"""Addresses of PostgreSQL, which hold passwords: their parts, and messages without them."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
LOGIN = re.compile(r"postgres(?:ql)?://(?:(?P<login>[^/@]*)@)?(?P<host>[^/?]*)")


def without_secrets(text: str, address: str) -> str:
    """Return a text without the address and the passwords in it, as they are written and as they are meant.

    >>> without_secrets("no such login: me:pass word", "postgresql://me:pass%20word@db.example/app")
    'no such login: me:***'
    """
    login = login_of(address)["login"] or ""
    passwords = [login.partition(":")[2], *re.findall(r"[?&]\w*password=([^&]*)", address)]
    secrets = {address, login if ":" in login else "", *passwords, *map(unquote, passwords)}
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def login_of(address: str) -> dict[str, str | None]:
    """Return the login, such as me:password, and the host of an address of PostgreSQL; None where it has none."""
    found = LOGIN.match(address)
    return found.groupdict() if found else {"login": None, "host": None}
