"""Limits of a connection, met by a real uvicorn in this process: slow, large and broken heads, and answers not read."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import uvicorn
import uvicorn.config
from starlette.types import Receive, Scope, Send

from undertow.serving.server.connection import HEAD_BYTES, HEAD_LINES, BoundedConnection, bound_connections

LARGE = 20_000_000  # bytes of an answer, beyond what the sockets hold
SHORT = 0.4  # seconds; the limits of these tests


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"x" * LARGE if scope["path"] == "/large" else b"here"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Hasty(BoundedConnection):
    """A connection with short limits."""

    head_seconds = unread_seconds = SHORT


@pytest.fixture
def port() -> Iterator[int]:
    """A server with short limits, on a port of its own."""
    config = uvicorn.Config(_answer, http=Hasty, lifespan="off", log_config=None, timeout_keep_alive=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def _said(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send pieces with a pause after each; return what came until the server closed, or nothing more came."""
    with socket.create_connection(("127.0.0.1", port), timeout=SHORT * 10) as to:
        for piece in pieces:
            to.sendall(piece)
            time.sleep(pause)
        return _rest(to)


def _until(to: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end):
        got += to.recv(1_000)
    return got


def _rest(to: socket.socket) -> bytes:
    got = b""
    try:
        while piece := to.recv(65_536):
            got += piece
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        return got
    return got


def _problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head and b"connection: close" in head
    found: dict[str, Any] = json.loads(body)
    assert head.startswith(b"HTTP/1.1 %d " % found["status"]) and found["type"].startswith("urn:undertow:")
    return found


def test_a_request_is_answered_and_the_connection_stays(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as to:
        for _ in range(3):
            to.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert _until(to, b"here").startswith(b"HTTP/1.1 200")
            time.sleep(SHORT * 1.5)  # longer than a head may take: nothing was begun


def test_a_request_to_become_a_web_socket_is_answered_as_any_other(port: int) -> None:
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
    assert _said(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n").endswith(b"here")


def test_a_head_that_arrives_slowly_is_cut_with_a_problem(port: int) -> None:
    slow = _said(port, b"GET / HTTP/1.1\r\n", *[b"A: b\r\n"] * 3, pause=SHORT / 8)
    assert _problem(slow)["status"] == 408


def test_a_second_head_on_a_connection_is_timed_too(port: int) -> None:
    first = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    slow = _said(port, first, b"\r\n", b"GET", pause=SHORT / 8)
    assert slow.count(b"here") == 1 and _problem(slow.partition(b"here")[2])["status"] == 408


def test_a_connection_on_which_nothing_is_sent_is_closed_without_a_word(port: int) -> None:
    started = time.monotonic()
    assert _said(port) == b""
    assert time.monotonic() - started < SHORT * 5


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * (HEAD_BYTES + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (HEAD_LINES + 1) + b"\r\n", 431),
        (b"no such thing\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ],
)
def test_a_head_that_is_too_large_or_broken_is_refused(port: int, head: bytes, status: int) -> None:
    assert _problem(_said(port, head))["status"] == status


def test_the_largest_head_is_answered(port: int) -> None:
    room = HEAD_BYTES - len(b"/Hostxconnectionclose") - (HEAD_LINES - 2)
    many = b"".join(b"A:\r\n" for _ in range(HEAD_LINES - 3))
    head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + many + b"B: " + b"b" * (room - 1) + b"\r\n\r\n"
    assert _said(port, head).endswith(b"here")


def test_an_answer_that_is_not_read_is_dropped(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as to:
        to.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1 + SHORT * 3)  # the keep-alive time, and that for reading
        assert len(_rest(to)) < LARGE


def test_uvicorn_is_told_to_make_bounded_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.config, "HTTP_PROTOCOLS", dict(uvicorn.config.HTTP_PROTOCOLS))
    bound_connections()
    config = uvicorn.Config(_answer, log_config=None)
    config.load()
    assert config.http_protocol_class is BoundedConnection


def test_a_release_of_uvicorn_without_a_place_for_it_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(uvicorn.config, "HTTP_PROTOCOLS")
    bound_connections()
    assert "put a proxy before it" in caplog.text
