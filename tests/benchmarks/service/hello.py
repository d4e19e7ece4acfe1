"""The least that BentoML can answer, served as our service is: `bentoml serve tests.benchmarks.service.hello:Hello`."""

from __future__ import annotations

import bentoml
from starlette.types import Receive, Scope, Send

HELLO = b'{"hello":"world"}'


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request with the same few bytes."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(HELLO)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": HELLO})


@bentoml.service(
    workers=2,
    metrics={"enabled": False},
    tracing={"excluded_urls": ".*"},
    logging={"access": {"enabled": False}},
)
@bentoml.asgi_app(hello, path="/")
class Hello:
    """A service that says hello."""
