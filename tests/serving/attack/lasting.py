"""The attack by time: minutes of look-ups, lists, pages and rows while lists are published; none fails."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from tests.serving.attack.answers import answer_to
from tests.serving.attack.mutations import Sent, right_requests

CLIENTS = 12
PAUSE = 0.05  # seconds between the requests of a client


@dataclass
class Lasted:
    """What was answered. `faults`: requests that were not answered with 200, by how."""

    answered: int = 0
    published: int = 0
    faults: Counter[str] = field(default_factory=Counter)


async def last(
    port: int, ids: list[str], row: dict[str, Any], seconds: float, every: float, publish: list[str]
) -> Lasted:
    """Send right requests for so many seconds, while the command `publish` runs every so many seconds."""
    lasted, until = Lasted(), monotonic() + seconds
    right = [sent for sent in right_requests(ids, row) if "account_ids" not in json.dumps(sent.body.decode())]
    looked_up = [Sent("GET", f"/v1/accounts/{each}") for each in ids]

    async def ask(seed: int) -> None:
        chance = random.Random(seed)
        while monotonic() < until:
            sent = chance.choice(looked_up if chance.random() < 0.5 else right)
            answer = await answer_to(port, sent)
            lasted.answered += 1
            if answer.status != 200:
                lasted.faults[f"{sent.method} {sent.path[:30]}: {answer.status}"] += 1
            await asyncio.sleep(PAUSE)

    async def publishing() -> None:
        while monotonic() + every < until:
            await asyncio.sleep(every)
            run = await asyncio.create_subprocess_exec(*publish, stdout=asyncio.subprocess.DEVNULL)
            if await run.wait():
                lasted.faults["a run of undertow score failed"] += 1
            lasted.published += 1

    await asyncio.gather(publishing(), *(ask(number) for number in range(CLIENTS)))
    return lasted
