"""Links behind a reverse proxy that serves the pages under a prefix and strips it, such as https://host/undertow/."""

from __future__ import annotations

import re

from starlette.requests import Request

HEADER = "x-forwarded-prefix"
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST = 200  # characters


def root_of(request: Request) -> str:
    """Return the URL of the list as seen from the requested page, ending in "/": the base of the page's links.

    It is relative, so that it stays below any prefix, unless the proxy names its prefix in X-Forwarded-Prefix. A
    header that is no plain path is ignored: a link must not lead to another host.
    """
    prefix = request.headers.get(HEADER, "")
    if len(prefix) <= LONGEST and PREFIX.fullmatch(prefix) and not {".", ".."} & set(prefix.split("/")):
        return f"{prefix}/"
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return "../" * (raw.count(b"/") - 1) or "./"
