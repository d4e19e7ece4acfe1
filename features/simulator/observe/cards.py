"""Payment cards as recorded: the card on file of each account that pays by card, and the ones that replace it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.draws import draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    NEVER,
    SECOND,
    account_ids,
    at,
    numbered,
    timestamps,
)
from undertow.features.simulator.observe.journal import LONGEST
from undertow.features.simulator.state import NO_CARD, Ints


def cards(world: World) -> pa.Table:
    """Return one row per card on file; a new one removes the old one, and an account that left keeps its card."""
    p, first, j = world.parameters, world.frozen[0], world.journal
    old = np.flatnonzero(world.static.signup_day < 0)
    row = np.flatnonzero(j.card_given & j.present)
    account = np.concatenate([old, j.account[row]])
    day = np.concatenate([world.static.signup_day[old], j.day[row]])
    expires = np.concatenate([first.card_expires[old], j.card_expires[row]])
    order = np.lexsort((day, account))
    account, day, expires = account[order], day[order], expires[order]
    has_card = expires != NO_CARD
    account, day, expires = account[has_card], day[has_card], expires[has_card]
    added = _added(world, account, day)
    is_last = np.append(account[1:] != account[:-1], True)[: len(account)]
    removed = np.where(is_last, NEVER, np.append(added[1:], NEVER)[: len(account)])
    number = np.arange(len(account)) - np.searchsorted(account, account) + 1
    return pa.table(
        {
            "account_id": account_ids(account),
            "card_id": pc.binary_join_element_wise(numbered("K-", account, 5), numbered("", number, 1), "-"),
            "added_at": timestamps(p, added),
            "recorded_at": timestamps(p, added),
            "expires_at": timestamps(p, expires * DAY),
            "removed_at": timestamps(p, removed),
        }
    )


def _added(world: World, account: Ints, day: Ints) -> Ints:
    """Return when cards were given, in microseconds: at the signup, before that day's billing, or to pay a failed one.

    A bill that is paid on the last day of dunning was paid with the new card; the state has it from the day after.
    """
    j, static = world.journal, world.static
    draw, clock = draws(world.seed, "card", account, day), static.clock[account]
    key = account * LONGEST + day
    paid = np.isin(key, (j.account * LONGEST + j.day)[j.recovered & j.present])
    paid_before = np.isin(key - 1, (j.account * LONGEST + j.day)[j.last_try & j.present])
    arrived = (day == static.signup_day[account]) | np.isin(key, (j.account * LONGEST + j.day)[j.arrived])
    morning = day * DAY + (draw.uniform("before billing") * clock).astype(np.int64) * SECOND
    added = np.where(arrived, day * DAY + clock * SECOND, morning)
    to_pay = at(np.where(paid_before, day - 1, day), draw.uniform("to pay", 9.0, 10.0))
    return np.where(paid | paid_before, to_pay, added)
