"""Asks the team's database in threads of its own, so that a slow one delays nothing but its own answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from undertow.features.errors import NoTeam, TeamError
from undertow.serving.access.roles import caller_of
from undertow.serving.team.address import NONE_CONFIGURED, WHAT_TO_DO
from undertow.serving.team.database import Database

THREADS = 4
READ_SECONDS, WRITE_SECONDS = 4.0, 15.0  # after which an answer is no longer awaited; the database gives up before
LOCAL = "local"  # who sets a status where the service is open and nobody has a key
P = ParamSpec("P")
T = TypeVar("T")


class TeamWork:
    """The team's database of one app, or none."""

    def __init__(self, address: str) -> None:
        """`address`: of the database; "" for none."""
        self._database = Database(address) if address else None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="team")

    @property
    def is_set(self) -> bool:
        """Whether there is a database."""
        return self._database is not None

    async def read(self, ask: Callable[Concatenate[Database, P], T], *args: P.args, **named: P.kwargs) -> T:
        """Return what a question reads. Raises NoTeam, TeamError, and what the question raises."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._run(ask, *args, **named)
        except TimeoutError:
            raise TeamError(f"The team's database did not answer within {READ_SECONDS:g} s. Try again.") from None

    async def write(self, change: Callable[Concatenate[Database, P], T], *args: P.args, **named: P.kwargs) -> T:
        """Return what a change returns once it is written. Raises as `read` does."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await self._run(change, *args, **named)
        except TimeoutError:
            raise TeamError(
                f"The team's database did not answer within {WRITE_SECONDS:g} s. The change may have been written or "
                "not: look before you make it again."
            ) from None

    def close(self) -> None:
        """End the threads and close the connections of the database."""
        self._threads.shutdown(wait=False)
        if self._database is not None:
            self._database.close()

    async def _run(self, ask: Callable[Concatenate[Database, P], T], *args: P.args, **named: P.kwargs) -> T:
        if self._database is None:
            raise NoTeam(f"{NONE_CONFIGURED} {WHAT_TO_DO}")
        call = partial(ask, self._database, *args, **named)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def team_of(request: Request) -> TeamWork:
    """Return the team's database of the app that a request came to."""
    work: TeamWork = request.app.state.team
    return work


def who(request: Request) -> str:
    """Return under which name a caller sets statuses and saves views: its key's, or "local" without keys."""
    return caller_of(request.scope).name or LOCAL


def now() -> datetime:
    """Return the current time, UTC."""
    return datetime.now(UTC)
