"""Links behind a reverse proxy that serves the pages under a prefix and strips it, such as https://host/undertow/."""

from __future__ import annotations

import re

from starlette.requests import Request

from undertow.features.errors import SettingsError

NAMED_PAGES = ("drivers", "journeys", "personas", "model", "portfolio")  # below the list, beside those of accounts
HEADER = "x-forwarded-prefix"
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST = 200  # characters


def is_prefix(text: str) -> bool:
    """Return whether a text is a plain path such as /undertow, without a slash at its end."""
    return len(text) <= LONGEST and PREFIX.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def checked_prefix(text: str) -> str:
    """Return a prefix without a slash at its end, or raise SettingsError."""
    prefix = text.rstrip("/")
    if prefix and not is_prefix(prefix):
        raise SettingsError(f"--root-path {text}: expected a path such as /undertow, of letters, digits and . _ ~ -")
    return prefix


def root_of(request: Request) -> str:
    """Return the URL of the list as seen from the requested page, ending in "/": the base of the page's links.

    It is relative, so that it stays below any prefix, unless the service was started with one, or the proxy names its
    prefix in X-Forwarded-Prefix. A header that is no plain path is ignored: a link must not lead to another host.
    """
    for prefix in (request.app.state.prefix, request.headers.get(HEADER, "")):
        if is_prefix(prefix):
            return f"{prefix}/"
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return "../" * (raw.count(b"/") - 1) or "./"
