"""The event log as recorded, one month at a time: in order of recording, with late, duplicate and invalid rows.

Two percent of the events are recorded days late; they are kept for the month in which they were recorded. So
memory never holds much more than a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.draws import Draws, joined_draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    SECOND,
    account_ids,
    numbered,
    same,
    timestamps,
    user_ids,
    words,
)
from undertow.features.simulator.observe.mess import monitor, outage, recorded, renamed, with_faulty_rows
from undertow.features.simulator.observe.people import draw_people
from undertow.features.simulator.observe.sessions import EventsOfKind, Sessions, draw_events, draw_sessions
from undertow.features.simulator.releases import PLATFORMS
from undertow.features.simulator.state import Floats, Ints


@dataclass(frozen=True)
class _Log:
    """Event rows without ids, the time at which each was recorded, in microseconds, and the draws of each."""

    rows: pa.Table
    recorded: Ints
    draws: Draws

    def take(self, indices: Ints) -> _Log:
        return _Log(self.rows.take(pa.array(indices)), self.recorded[indices], self.draws.take(indices))


def event_months(world: World) -> Iterator[pa.Table]:
    """Yield the events by month of recording, in order of recording.

    Events recorded after the end of the history are left out.
    """
    p, people = world.parameters, draw_people(world)
    waiting: _Log | None = None
    sessions_before = events_before = 0
    for number, month in enumerate(world.months()):
        s = draw_sessions(world, people, number, month)
        log = _joined(_log(world, s, sessions_before), waiting)
        sessions_before += len(s)
        log = _joined(log, _Log(*monitor(world, number)))
        order = np.argsort(log.recorded, kind="stable")
        due = log.recorded[order] < p.month_start(number + 1) * DAY
        waiting = log.take(order[~due])
        log = log.take(order[due])
        ids = numbered("E-", events_before + np.arange(len(log.recorded)), 8)
        events_before += len(log.recorded)
        yield with_faulty_rows(world, log.rows.add_column(1, "event_id", ids), number, log.draws)


def _joined(log: _Log, more: _Log | None) -> _Log:
    if more is None:
        return log
    return _Log(
        pa.concat_tables([log.rows, more.rows]),
        np.concatenate([log.recorded, more.recorded]),
        joined_draws([log.draws, more.draws]),
    )


def _log(world: World, s: Sessions, sessions_before: int) -> _Log:
    """Return the recorded events of a month's sessions, without those lost while the collector was down."""
    kinds = draw_events(s)
    draws = joined_draws([k.draws.then(number) for number, k in enumerate(kinds)])
    session = np.concatenate([k.session for k in kinds])
    occurred = s.begin[session] + (np.concatenate([k.offset for k in kinds]) * SECOND).astype(np.int64)
    recorded_at = recorded(world.parameters, s, session, occurred, draws)
    duration = _numbers([k.duration_ms for k in kinds], kinds)
    kind, name = _texts(kinds)
    in_load_ms = (
        renamed(world.parameters, occurred) & (s.platform[session] > 0) & np.asarray(pc.equal(kind, "page_view"))
    )
    rows = pa.table(
        {
            "account_id": account_ids(s.account).take(pa.array(session)),
            "user_id": user_ids(s.account, s.user).take(pa.array(session)),
            "session_id": numbered("S-", sessions_before + np.arange(len(s)), 7).take(pa.array(session)),
            "occurred_at": timestamps(world.parameters, occurred),
            "recorded_at": timestamps(world.parameters, recorded_at),
            "kind": kind,
            "name": name,
            "platform": words(s.platform[session], PLATFORMS),
            "duration_ms": _nan_as_null(np.where(in_load_ms, np.nan, duration)),
            "load_ms": _nan_as_null(np.where(in_load_ms, duration, np.nan)),
            "value": _nan_as_null(_numbers([k.value for k in kinds], kinds)),
            "definition": same(len(session), "v1"),
        }
    )
    return _Log(rows, recorded_at, draws).take(np.flatnonzero(~outage(world.parameters, occurred)))


def _texts(kinds: list[EventsOfKind]) -> tuple[pa.Array, pa.Array]:
    """Return the kind and name columns of all events."""
    kind = [same(len(k.session), k.kind) for k in kinds]
    name = [pa.nulls(len(k.session), pa.string()) if k.name is None else words(k.name, k.names) for k in kinds]
    return pa.concat_arrays(kind), pa.concat_arrays(name)


def _numbers(parts: list[Floats | None], kinds: list[EventsOfKind]) -> Floats:
    """Return a column of numbers over all kinds, NaN for kinds without a measurement."""
    filled = [np.full(len(k.session), np.nan) if part is None else part for part, k in zip(parts, kinds, strict=True)]
    return np.concatenate(filled)


def _nan_as_null(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
