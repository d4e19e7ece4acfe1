"""Links behind a reverse proxy that serves the pages under a prefix and strips it, such as https://host/undertow/."""

from __future__ import annotations

import re

from starlette.requests import Request

from undertow.features.errors import SettingsError

NAMED_PAGES = ("drivers", "journeys", "personas", "model", "portfolio")  # below the list, beside those of accounts
HEADER = "x-forwarded-prefix"
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
LONGEST = 200  # characters
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


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
    prefix = _prefix_of(request)
    if prefix:
        return f"{prefix}/"
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return "../" * (raw.count(b"/") - 1) or "./"


def address_of(request: Request) -> str:
    """Return the absolute URL of the list as the caller knows it, ending in "/", for links in files.

    The host is that of the request, so that a proxy has to pass it on; a prefix is known as in `root_of`. "" where the
    host is no plain name: then files have no links.
    """
    host = request.headers.get("host", "")
    if len(host) > LONGEST or HOST.fullmatch(host) is None:
        return ""
    return f"{'https' if is_tls(request) else 'http'}://{host}{_prefix_of(request)}/"


def is_tls(request: Request) -> bool:
    """Return whether the caller came by https, to the service or to the proxy before it."""
    forwarded = request.headers.get("x-forwarded-proto", "")
    return request.scope["scheme"] == "https" or forwarded.lower().startswith("https")


def _prefix_of(request: Request) -> str:
    """The prefix that the service was started with, or else the proxy names; "" for none."""
    given = (request.app.state.prefix, request.headers.get(HEADER, ""))
    return next((prefix for prefix in given if is_prefix(prefix)), "")
