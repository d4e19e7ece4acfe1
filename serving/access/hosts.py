"""The Host header: which names the service answers to, so that a page of another name cannot use it (DNS rebinding)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{0,5})?")


@lru_cache(maxsize=256)
def host_name(header: str) -> str | None:
    """Return the name in a Host header, in lower case, without port, brackets and last dot; None where there is none.

    >>> host_name("[::1]:3000"), host_name("Churn.Example.:443"), host_name("a@b")
    ('::1', 'churn.example', None)
    """
    read = HOST.fullmatch(header.lower())
    if read is None:
        return None
    return _canonical(read[1] or read[2].removesuffix("."))


def allowed_hosts(names: Iterable[str]) -> frozenset[str]:
    """Return the names that are answered to: those of this machine for itself, and these."""
    return LOOPBACK | {_canonical(name.strip().lower().strip("[]").removesuffix(".")) for name in names if name.strip()}


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _canonical(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name
