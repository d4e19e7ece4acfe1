"""The BentoML service: `bentoml serve undertow.serving.service:Undertow`, with UNDERTOW_STORE set.

BentoML runs the worker processes and answers /livez, /healthz and /readyz; every other address is the
app of `undertow.serving.api.app`, to which requests go directly (`undertow.serving.server`). BentoML's own
metrics are off, for they label by raw path and so grow with every account id; /metrics is therefore ours.
UNDERTOW_WORKERS: worker processes, 2 by default, since one that dies is replaced only after some twenty seconds.
UNDERTOW_TEAM: the database of statuses and saved views, a SQLite file or postgresql://...; without it, read-only.
Started so, without `undertow serve`, every request needs a key, and other variables say the rest
(`Rules.from_environment`).
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path

os.environ["BENTOML_DO_NOT_TRACK"] = "True"  # read when bentoml is used; only this word is understood
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a row is too little to share: LightGBM's threads cost 5 x its time

import bentoml
from _bentoml_sdk import Service  # private: direct_service falls back where it changes
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from undertow.features.errors import SettingsError, UndertowError
from undertow.serving.access.audit import log_to_standard_error
from undertow.serving.api.app import make_app
from undertow.serving.api.guard import Rules
from undertow.serving.server.direct import direct_service
from undertow.serving.team.address import VARIABLE as TEAM

STORE, PREFIX = "UNDERTOW_STORE", "UNDERTOW_PREFIX"
TIMEOUT = 300  # seconds; a slower request is cut off by BentoML


@cache
def app() -> Starlette:
    """Return this process's app, or raise SettingsError when no store is named."""
    store = os.environ.get(STORE)
    if not store:
        raise SettingsError(f"Set {STORE} to the project's store folder, where `undertow score` publishes.")
    log_to_standard_error()
    rules, team = Rules.from_environment(os.environ), os.environ.get(TEAM, "").strip()
    return make_app(Path(store), os.environ.get(PREFIX, ""), rules, team)


async def everything(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every address that BentoML does not answer itself.

    A bare function, since BentoML asks a mounted Starlette app for its routes and answers
    unknown ones itself, in another shape of error.
    """
    await app()(scope, receive, send)


def _is_proved() -> bool:
    """Return whether the publication in memory answers; the first time, this reads its model."""
    try:
        app().state.reader.prove()
    except UndertowError:
        return False
    return True


@bentoml.service(
    envs=[{"name": STORE}],
    workers=int(os.environ.get("UNDERTOW_WORKERS", "2")),
    traffic={"timeout": TIMEOUT},
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
    service_class=direct_service(Service, everything),
)
@bentoml.asgi_app(everything, path="/")
class Undertow:
    """Churn probability, lifetime value and reasons, as published."""

    @bentoml.on_startup  # type: ignore[untyped-decorator]
    async def read(self) -> None:
        """Begin to read what is published, if anything is; lists are answered while the model is read."""
        app()
        self.reading = asyncio.create_task(asyncio.to_thread(_is_proved))

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def close(self) -> None:
        """End the process that scores rows, and connections; the requests that ran were answered before."""
        app().state.worker.close()
        app().state.team.close()

    async def __is_ready__(self) -> bool:
        """Whether an account and a row of the published scores were answered: /readyz answers 200, or 503 before."""
        return await asyncio.to_thread(_is_proved)
