"""Retention contacts as recorded: a randomised trial with a control half, and calls chosen by the team."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from undertow.features.simulator.draws import draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import account_ids, at, numbered, timestamps, words
from undertow.features.simulator.state import ACCEPTED, CONTROL


def contacts(world: World) -> pa.Table:
    """Return one row per retention contact: called or held back as control, and whether the offer was accepted."""
    rows = world.journal.take(np.flatnonzero(world.journal.called))
    hour = draws(world.seed, "contact", rows.account, rows.day).uniform("hour", 9.0, 17.0)
    called = timestamps(world.parameters, at(rows.day, hour))
    treated = rows.called != CONTROL
    return pa.table(
        {
            "account_id": account_ids(rows.account),
            "contact_id": numbered("C-", np.arange(len(treated)), 5),
            "contacted_at": called,
            "recorded_at": called,
            "campaign": words(rows.chosen.astype(np.int64), ("check-in call", "save call")),
            "arm": words(treated.astype(np.int64), ("control", "treated")),
            "cost": np.where(treated, 25.0, 0.0),
            "accepted": pa.array(rows.called == ACCEPTED, mask=~treated),
        }
    )
