"""Surveys as recorded (NPS, CSAT, CES), sent in turn; engaged and very (un)satisfied accounts answer more often."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.draws import draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    NEVER,
    account_ids,
    at,
    in_micros,
    numbered,
    same,
    timestamps,
    user_ids,
)
from undertow.features.simulator.state import SURVEYS, logistic

SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
SCORES = {"nps": (8.5, 1.6), "csat": (4.2, 0.8), "ces": (4.9, 1.0)}  # mean at S = 0, points per S


def surveys(world: World) -> pa.Table:
    """Return one row per survey sent, with its answer if there is one."""
    table = pa.concat_tables([_survey(world, kind) for kind in SURVEYS])
    table = table.take(pc.sort_indices(table["asked_at"]))
    return table.add_column(1, "survey_id", numbered("V-", np.arange(table.num_rows), 6))


def _survey(world: World, kind: str) -> pa.Table:
    is_sent = world.journal.asked.astype(np.int64) >> SURVEYS.index(kind) & 1
    rows, p = world.journal.take(np.flatnonzero(is_sent)), world.parameters
    s, n = rows.satisfaction, len(rows.satisfaction)
    (middle, slope), (lowest, highest) = SCORES[kind], SCALES[kind]
    draw = draws(world.seed, kind, rows.account, rows.day)
    answers = draw.uniform("answers") < logistic(-1.2 + 0.8 * np.abs(s) + 0.5 * rows.engagement)
    points = np.clip(np.round(middle + slope * s + 0.75 * slope * draw.normal("score")), lowest, highest)
    asked_at = at(rows.day, draw.uniform("hour", 8.0, 12.0))
    responded_at = asked_at + in_micros(draw.uniform("wait", 0.0, 0.3))
    return pa.table(
        {
            "account_id": account_ids(rows.account),
            "user_id": user_ids(rows.account, rows.champion),
            "asked_at": timestamps(p, asked_at),
            "responded_at": timestamps(p, np.where(answers, responded_at, NEVER)),
            "recorded_at": timestamps(p, asked_at),
            "kind": same(n, kind),
            "score": pa.array(points, mask=~answers),
            "scale_max": np.full(n, float(highest)),
        }
    )
