"""Sends a request of any shape, and reads what comes back within a time: the status, the type and the body."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from tests.serving.attack.mutations import Sent

HOST = "127.0.0.1"
PATIENCE = 20.0  # seconds after which a request counts as hanging
PAUSE = 0.03  # seconds between the pieces of a slow request
NO_BODY = (204, 304)
PROBES = ("/livez", "/healthz", "/readyz")  # answered by BentoML


@dataclass(frozen=True)
class Answer:
    """What came back. `status`: 0 where the connection was closed without an answer, -1 where nothing came in time."""

    status: int
    kind: str = ""
    body: bytes = b""

    def fault(self, sent: Sent) -> str:
        """Return what is wrong with it as the answer to a request, or an empty text."""
        if self.status == -1:
            return "hangs"
        if self.status >= 500:
            return f"status {self.status}"
        if self.status == 0:
            return "" if sent.may_lack_its_end else "closed without an answer"
        if self.status < 400 or sent.method == "HEAD" or sent.path.partition("?")[0] in PROBES:
            return ""
        if len(self.body) > MOST_BYTES:
            return f"a refusal of {len(self.body):,} bytes"
        return self._fault_of_refusal()

    def _fault_of_refusal(self) -> str:
        if self.kind.startswith("text/html"):
            return "" if b"</html>" in self.body else "half a page"
        if self.kind != "application/problem+json":
            return f"a refusal of type '{self.kind}'"
        try:
            problem = json.loads(self.body)
        except ValueError:
            return "a problem that is no JSON"
        is_whole = problem.get("status") == self.status and problem.get("title") and problem.get("detail")
        return "" if is_whole else "a problem without its parts"


MOST_BYTES = 20_000  # of a refusal: a page with its style is the longest


async def answer_to(port: int, sent: Sent) -> Answer:
    """Send one request over a connection of its own."""
    try:
        return await asyncio.wait_for(_answer_to(port, sent), PATIENCE)
    except TimeoutError:
        return Answer(-1)


async def _answer_to(port: int, sent: Sent) -> Answer:
    reader, writer = await asyncio.open_connection(HOST, port, limit=1 << 26)
    try:
        sending = asyncio.create_task(_send(writer, sent))
        found = await _read(reader, sent.method)
        sending.cancel()
        return found
    finally:
        writer.close()


async def _send(writer: asyncio.StreamWriter, sent: Sent) -> None:
    raw, size = sent.raw, -(-len(sent.raw) // sent.pieces)
    try:
        for start in range(0, len(raw), size):
            writer.write(raw[start : start + size])
            await writer.drain()
            await asyncio.sleep(PAUSE if sent.pieces > 1 else 0)
        if sent.may_lack_its_end:
            writer.write_eof()  # a client that goes away
    except (ConnectionError, OSError):
        return


async def _read(reader: asyncio.StreamReader, method: str) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0)
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    bare = method == "HEAD" or status in NO_BODY
    try:
        body = b"" if bare else await _body(reader, headers)
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0)
    return Answer(status, headers.get("content-type", ""), body)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding") == "chunked":
        pieces = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            pieces.append(await reader.readexactly(size))
            await reader.readexactly(2)
        return b"".join(pieces)
    return await reader.read()
