"""Roles of keys, and the caller of a request: which key asks, in which role, and whose accounts it may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SCOPE = "undertow.caller"  # where a request carries its caller


class Role(StrEnum):
    """Role of a key: a reader reads lists and pages, a scorer scores from a program, an admin does both and more."""

    reader = "reader"
    scorer = "scorer"
    admin = "admin"


Roles = frozenset[Role]
ANY_ROLE: Roles = frozenset(Role)
READERS: Roles = frozenset({Role.reader, Role.admin})
SCORERS: Roles = frozenset({Role.scorer, Role.admin})
ADMINS: Roles = frozenset({Role.admin})


@dataclass(frozen=True)
class Caller:
    """The key that a request came with. `owner`: whose accounts alone it may see; None: all accounts.

    `csrf`: the CSRF token of its session, empty for a program. Without a role it may do nothing that needs one.
    """

    key_id: str = ""
    name: str = ""
    role: Role | None = None
    owner: str | None = None
    csrf: str = ""


NOBODY = Caller()  # who signs in, or asks whether the service is alive
ANYONE = Caller(role=Role.admin)  # of a service that is open, on this machine alone


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return the caller of an ASGI request; KeyError where nobody looked for one, so that nothing is answered."""
    caller: Caller = scope[SCOPE]
    return caller
