"""Support tickets as recorded by a help desk: one row per ticket, overwritten until its end state."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.draws import Draws, draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    NEVER,
    account_ids,
    at,
    in_micros,
    known_before,
    numbered,
    pick,
    timestamps,
    user_ids,
    words,
)
from undertow.features.simulator.observe.journal import next_row
from undertow.features.simulator.state import Floats, Ints, logistic


def tickets(world: World) -> pa.Table:
    """Return one row per ticket; the account's next resolution in the journal, if any, resolves it."""
    j, p = world.journal, world.parameters
    row = np.flatnonzero(j.opened & j.present)
    account, day, s, n = j.account[row], j.day[row], j.satisfaction[row], len(row)
    draw = draws(world.seed, "ticket", account, day)
    opened = at(day, draw.uniform("opened", 12.0, 19.0))
    done = next_row(j, j.resolved, account, day)
    ended = done >= 0
    resolved = np.where(ended, at(j.day[done], draw.uniform("resolved", 7.0, 12.0)), NEVER)
    response = opened + in_micros(draw.lognormal("response", 0.8 - 0.4 * s, 0.8))
    response = np.where(ended, np.minimum(response, opened + (0.8 * (resolved - opened)).astype(np.int64)), response)
    reopened = np.where(ended & j.reopened[done], resolved + in_micros(draw.uniform("reopened", 4.0, 72.0)), NEVER)
    waited = np.where(ended, j.day[done] - day, 0)
    old = (waited > 4) | ~ended
    escalated = np.where(old & (draw.uniform("escalated") < 0.4), opened + 4 * DAY, NEVER)
    csat, csat_at = _ratings(draw, s, waited, resolved)
    csat_at = known_before(world, csat_at)
    table = pa.table(
        {
            "account_id": account_ids(account),
            "ticket_id": numbered("T-", np.arange(n), 6),
            "user_id": user_ids(account, j.champion[row]),
            "opened_at": timestamps(p, opened),
            "recorded_at": timestamps(p, opened),
            "priority": words(pick(draw.uniform("priority"), 3, 5, 2), ("low", "normal", "high")),
            "channel": words(pick(draw.uniform("channel"), 5, 3, 1), ("email", "chat", "phone")),
            "topic": words(pick(draw.uniform("topic"), 4, 1, 3, 2), ("bug", "billing", "how-to", "request")),
            "first_response_at": timestamps(p, known_before(world, response)),
            "resolved_at": timestamps(p, known_before(world, resolved)),
            "reopened_at": timestamps(p, known_before(world, reopened)),
            "escalated_at": timestamps(p, known_before(world, escalated)),
            "csat": pa.array(csat, mask=csat_at == NEVER),
            "csat_at": timestamps(p, csat_at),
        }
    )
    return table.take(pc.sort_indices(table["opened_at"]))


def _ratings(draw: Draws, s: Floats, waited: Ints, resolved: Ints) -> tuple[Floats, Ints]:
    """Return the rating of each ticket, 1 to 5, and its time (NEVER: none); more are rated at very high or low S."""
    answers = (resolved != NEVER) & (draw.uniform("rated") < logistic(-0.9 + 0.5 * np.abs(s)))
    score = np.clip(np.round(5.5 + 0.8 * s - 0.15 * waited + 0.8 * draw.normal("rating")), 1, 5)
    return score, np.where(answers, resolved + in_micros(draw.uniform("rated after", 1.0, 30.0)), NEVER)
