"""A client that calls the app in this process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.applications import Starlette

from tests.serving.described import check_described


class Client:
    """Calls an app in this process, request by request; `app` may be any ASGI app.

    Every answer of /v1 is compared with the OpenAPI description.
    """

    def __init__(self, app: Starlette) -> None:
        self.app = app

    async def send(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send one request from inside a running loop."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            answer = await http.request(method, url, **more)
        check_described(method, answer)
        return answer

    def get(self, url: str, **more: Any) -> httpx.Response:
        """Send a GET."""
        return asyncio.run(self.send("GET", url, **more))

    def post(self, url: str, **more: Any) -> httpx.Response:
        """Send a POST."""
        return asyncio.run(self.send("POST", url, **more))
