"""A bare HTTP client: it adds as little as it can to the time of an answer."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

HOST = "127.0.0.1"


def request_bytes(path: str, body: bytes | None = None) -> bytes:
    """Return a GET, or a POST of JSON where there is a body, over a connection that stays open."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Connection:
    """One connection that is kept open."""

    to: socket.socket

    @classmethod
    def open(cls, port: int) -> Connection:
        """Connect to a service of this machine."""
        connected = socket.create_connection((HOST, port), timeout=600)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connected)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        self.to.sendall(request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        head, pieces = got[:end].lower(), [got[end + 4 :]]
        if b"transfer-encoding: chunked" in head:
            return status_of(head), self._chunked(pieces[0])
        missing = length_of(head) - len(pieces[0])
        while missing > 0:
            pieces.append(self._more())
            missing -= len(pieces[-1])
        return status_of(head), b"".join(pieces)

    def _chunked(self, got: bytes) -> bytes:
        while not got.endswith(b"0\r\n\r\n"):
            got += self._more()
        return got

    def _more(self) -> bytes:
        piece = self.to.recv(1 << 20)
        if not piece:
            raise ConnectionError("The service closed the connection within an answer.")
        return piece


async def ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> tuple[int, bytes]:
    """Return the status and the body of the answer, as `Connection.ask`, beside other connections."""
    reader, writer = streams
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    return status_of(head), await reader.readexactly(length_of(head))


def status_of(head: bytes) -> int:
    """Return the status of an answer's head."""
    return int(head[9:12])


def length_of(head: bytes) -> int:
    """Return the length of the body that a head announces, bytes."""
    return int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
