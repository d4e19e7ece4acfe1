"""Messages between two processes over pipes: the length in 4 bytes, then the message in MessagePack."""

from __future__ import annotations

import struct
from typing import BinaryIO, TypeVar

import msgspec

LENGTH = struct.Struct("!I")
MAX_MESSAGE = 256_000_000  # bytes; a longer length means that the stream is broken
Message = TypeVar("Message", bound=msgspec.Struct)


class Question(msgspec.Struct, array_like=True):
    """A question to the scoring process. `kind`: "score" or "prove"; `run`: the published folder; `body`: JSON."""

    number: int
    kind: str
    run: str
    body: bytes = b""


class Reply(msgspec.Struct, array_like=True):
    """The answer to the question of a number: its `body`, or the class name of an `error` with its message, `detail`.

    `seconds`: how long the scoring process worked on it.
    """

    number: int
    body: bytes = b""
    error: str = ""
    detail: str = ""
    notes: list[str] = []
    seconds: float = 0.0


def send(stream: BinaryIO, message: msgspec.Struct) -> None:
    """Write one message."""
    encoded = msgspec.msgpack.encode(message)
    stream.write(LENGTH.pack(len(encoded)) + encoded)
    stream.flush()


def receive(stream: BinaryIO, kind: type[Message]) -> Message | None:
    """Return the next message, or None where the stream ended or was cut."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    [length] = LENGTH.unpack(head)
    encoded = stream.read(length) if length <= MAX_MESSAGE else b""
    return msgspec.msgpack.decode(encoded, type=kind) if len(encoded) == length else None
