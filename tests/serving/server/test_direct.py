"""Requests reach our app around BentoML, which keeps the probes and the start of the service."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from undertow.serving.server.direct import PROBES, DirectApp, direct_service

Seen = list[tuple[str, str]]


def _app(name: str, seen: Seen) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((name, scope.get("path", scope["type"])))

    return app


def _call(app: Any, scope: dict[str, Any]) -> None:
    asyncio.run(app(scope, None, None))


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        *(({"type": "http", "path": path}, "bentoml") for path in sorted(PROBES)),
        ({"type": "lifespan"}, "bentoml"),
        ({"type": "websocket", "path": "/v1/score"}, "bentoml"),
        *(({"type": "http", "path": path}, "ours") for path in ("/", "/v1/score", "/livez/", "//livez", "/docs.json")),
    ],
)
def test_probes_and_the_start_stay_with_bentoml_and_the_rest_is_ours(scope: dict[str, Any], name: str) -> None:
    seen: Seen = []
    _call(DirectApp(_app("bentoml", seen), _app("ours", seen)), scope)
    assert [who for who, _ in seen] == [name]


def test_a_service_of_bentoml_makes_the_direct_app() -> None:
    seen: Seen = []

    class Service:
        def to_asgi(self, is_main: bool = True) -> Any:
            return _app(f"bentoml, main {is_main}", seen)

    made = direct_service(Service, _app("ours", seen))().to_asgi(is_main=False)
    _call(made, {"type": "lifespan"})
    _call(made, {"type": "http", "path": "/v1/model"})
    assert seen == [("bentoml, main False", "lifespan"), ("ours", "/v1/model")]


def test_a_release_of_bentoml_that_makes_its_app_otherwise_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    class Changed:
        def to_asgi(self, is_main: bool, routes: list[str]) -> None: ...

    class Gone: ...

    assert direct_service(Changed, _app("ours", [])) is Changed
    assert direct_service(Gone, _app("ours", [])) is Gone
    assert len(caplog.messages) == 2 and "answers take longer" in caplog.text


def test_this_release_of_bentoml_has_the_place() -> None:
    """In a process of its own, since importing BentoML warns."""
    code = (
        "from _bentoml_sdk import Service; from undertow.serving.server.direct import direct_service; "
        "raise SystemExit(direct_service(Service, None) is Service)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
