"""Retention calls: a trial by lot with a control half, and calls by the team's judgement."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    account_ids,
    at,
    numbered,
    timestamps,
    words,
)
from undertow.features.simulator.state import ACCEPTED, CONTROL


def contacts(world: World, rng: Generator) -> pa.Table:
    """Return who was called, who was held back as control, and who took the offer."""
    lines = world.journal.take(np.flatnonzero(world.journal.called))
    called = timestamps(world.parameters, at(lines.day, rng, (9.0, 17.0)))
    treated = lines.called != CONTROL
    return pa.table(
        {
            "account_id": account_ids(lines.account),
            "contact_id": numbered("C-", np.arange(len(treated)), 5),
            "contacted_at": called,
            "recorded_at": called,
            "campaign": words(lines.chosen.astype(np.int64), ("check-in call", "save call")),
            "arm": words(treated.astype(np.int64), ("control", "treated")),
            "cost": np.where(treated, 25.0, 0.0),
            "accepted": pa.array(lines.called == ACCEPTED, mask=~treated),
        }
    )
