"""The attacks find what they look for: servers that fail in each way, damage that is read, lines that a job runs."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving.attack import answers
from tests.serving.attack.answers import HOST, Answer, answer_to
from tests.serving.attack.damaged import damage
from tests.serving.attack.mutated import attack
from tests.serving.attack.mutations import Mutator, Sent, right_requests
from tests.serving.attack.scoring_children import LineCounter
from undertow.features.publishing.versions import replace_text

PROBLEM = json.dumps({"type": "urn:x", "title": "Wrong", "status": 422, "detail": "This is wrong."})
RIGHT = right_requests(["A-1", "A-2"], {"account_id": "A-1", "mrr": 10.0, "plan": "pro"})


def _answered(raw: bytes, sent: Sent = RIGHT[0]) -> Answer:
    """Send a request to a server that answers with these bytes, whatever is asked, and then closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        if not raw:
            await reader.read()  # until the client has given up
        writer.close()
        await writer.wait_closed()

    async def ask() -> Answer:
        async with await asyncio.start_server(serve, HOST, 0) as server:
            answer = await answer_to(server.sockets[0].getsockname()[1], sent)
            await asyncio.sleep(0.05)  # for the server to close
            return answer

    return asyncio.run(ask())


def _raw(status: int, kind: str, body: str) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (_raw(200, "application/json", "{}"), ""),
        (_raw(422, "application/problem+json", PROBLEM), ""),
        (_raw(404, "text/html; charset=utf-8", "<html></html>"), ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", ""),
        (_raw(500, "application/problem+json", PROBLEM), "status 500"),
        (_raw(503, "application/problem+json", PROBLEM), "status 503"),
        (_raw(400, "text/plain", "Invalid"), "a refusal of type 'text/plain'"),
        (_raw(400, "application/problem+json", PROBLEM), "a problem without its parts"),
        (_raw(400, "application/problem+json", "{"), "a problem that is no JSON"),
        (_raw(422, "application/problem+json", PROBLEM.ljust(30_000)), "a refusal of 30,000 bytes"),
        (_raw(404, "text/html", "<html>"), "half a page"),
        (_raw(200, "application/json", "{}")[:-1], "closed without an answer"),
    ],
)
def test_what_is_wrong_with_an_answer_is_found(raw: bytes, fault: str) -> None:
    assert _answered(raw).fault(RIGHT[0]) == fault


def test_a_request_that_is_not_answered_in_time_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 0.2)
    assert _answered(b"").fault(RIGHT[0]) == "hangs"


def test_a_request_in_pieces_arrives_whole() -> None:
    sent = Sent("POST", "/v1/score", body=b'{"rows": []}', pieces=4)
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readexactly(len(sent.raw)))
        writer.write(_raw(200, "application/json", "{}"))
        writer.close()
        await writer.wait_closed()

    async def ask() -> None:
        async with await asyncio.start_server(serve, HOST, 0) as server:
            assert (await answer_to(server.sockets[0].getsockname()[1], sent)).status == 200
            await asyncio.sleep(0.05)  # for the server to close

    asyncio.run(ask())
    assert got == [sent.raw]


def test_mutated_requests_are_the_same_for_the_same_seed_and_most_differ() -> None:
    first, again, other = ([Mutator(RIGHT, seed).draw() for _ in range(1)] for seed in (1, 1, 2))
    assert first == again != other
    drawn = Mutator(RIGHT, 3)
    many = [drawn.draw() for _ in range(2_000)]
    assert len({sent.raw for sent in many}) > 1_200
    assert {sent.method for sent in many} > {"GET", "POST", "BREW"} and any(sent.pieces > 1 for sent in many)


def test_an_attack_on_a_server_that_fails_on_strange_bodies_says_so() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        is_strange = head.startswith(b"PUT")
        writer.write(_raw(500 if is_strange else 200, "application/json", "{}"))
        await writer.drain()
        writer.close()

    async def found() -> tuple[int, int]:
        async with await asyncio.start_server(serve, HOST, 0) as server:
            attacked = await attack(server.sockets[0].getsockname()[1], ["A-1"], {"mrr": 1.0}, 400)
            return attacked.faults["status 500"], len(attacked.examples["status 500"])

    faults, shown = asyncio.run(found())
    assert 0 < shown <= faults


def test_damage_is_refused_and_a_file_without_a_checksum_would_be_found(
    tmp_path: Path, publish_scores: Callable[..., Path]
) -> None:
    run = publish_scores(tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    found = damage(run, 12)
    assert set(found) - {"read"} == {"refused"} and found["read"] == 0
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    unknown = tmp_path / "copy"
    shutil.copytree(run, unknown)
    for number in range(20):
        (unknown / f"notes-{number}.txt").write_text("no checksum of it\n" * 50)
    assert damage(unknown, 12)["read"] > 0


def test_lines_of_the_publishing_room_are_counted(tmp_path: Path) -> None:
    counter = LineCounter()
    counter.start()
    replace_text(tmp_path / "CURRENT", "run-1")
    sys.settrace(None)
    assert 10 < counter.lines < 200
