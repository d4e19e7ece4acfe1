"""The attack by mutated requests: none is answered with 5xx, hangs, or is refused in another shape than the one."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tests.serving.attack.answers import Answer, answer_to
from tests.serving.attack.mutations import Mutator, Sent, right_requests

AT_ONCE = 16  # connections
SHOWN = 5  # examples of each fault


@dataclass
class Found:
    """What the answers were: how often each status, and each fault with its first requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Sent]] = field(default_factory=dict)
    longest: float = 0.0  # seconds

    def note(self, sent: Sent, answer: Answer, seconds: float) -> None:
        """Count one answer."""
        self.statuses[answer.status] += 1
        self.longest = max(self.longest, seconds)
        fault = answer.fault(sent)
        if fault:
            self.faults[fault] += 1
            self.examples.setdefault(fault, [])[SHOWN:] = []
            self.examples[fault].append(sent)


async def attack(port: int, ids: list[str], row: dict[str, Any], requests: int, seed: int = 0) -> Found:
    """Send so many mutated requests, AT_ONCE at a time; every kind of request is sent right first."""
    found, right = Found(), right_requests(ids, row)
    for sent in right:
        answer = await answer_to(port, sent)
        if answer.status != 200:
            raise RuntimeError(f"{sent.method} {sent.path} {sent.query}: {answer.status} {answer.body[:300]!r}")
    drawn, left = Mutator(right, seed), iter(range(requests))

    async def send() -> None:
        for _ in left:
            sent, started = drawn.draw(), monotonic()
            found.note(sent, await answer_to(port, sent), monotonic() - started)

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    return found
