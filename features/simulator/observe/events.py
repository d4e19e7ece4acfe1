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
from numpy.random import Generator

from undertow.features.simulator.history import World, stream
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
    """Event rows without ids, and the time at which each was recorded, in microseconds."""

    rows: pa.Table
    recorded: Ints

    def take(self, indices: Ints) -> _Log:
        return _Log(self.rows.take(pa.array(indices)), self.recorded[indices])


def event_months(world: World) -> Iterator[pa.Table]:
    """Yield the events by month of recording, in order of recording.

    Events recorded after the end of the history are left out.
    """
    p, people = world.parameters, draw_people(world)
    waiting: _Log | None = None
    sessions_before = events_before = 0
    for number, month in enumerate(world.months()):
        rng = stream(world.seed, 13, number)
        s = draw_sessions(world, people, number, month, rng)
        log = _joined(_log(world, s, sessions_before, rng), waiting)
        sessions_before += len(s)
        log = _joined(log, _monitor_log(world, number, rng))
        order = np.argsort(log.recorded, kind="stable")
        due = log.recorded[order] < p.month_start(number + 1) * DAY
        waiting = log.take(order[~due])
        rows = log.take(order[due]).rows
        ids = numbered("E-", events_before + np.arange(rows.num_rows), 8)
        events_before += rows.num_rows
        yield with_faulty_rows(world, rows.add_column(1, "event_id", ids), number, rng)


def _joined(log: _Log, more: _Log | None) -> _Log:
    if more is None:
        return log
    return _Log(pa.concat_tables([log.rows, more.rows]), np.concatenate([log.recorded, more.recorded]))


def _log(world: World, s: Sessions, sessions_before: int, rng: Generator) -> _Log:
    """Return the recorded events of a month's sessions, without those lost while the collector was down."""
    kinds = draw_events(s, rng)
    session = np.concatenate([k.session for k in kinds])
    occurred = s.begin[session] + (np.concatenate([k.offset for k in kinds]) * SECOND).astype(np.int64)
    recorded_at = recorded(world.parameters, s, session, occurred, rng)
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
    return _Log(rows, recorded_at).take(np.flatnonzero(~outage(world.parameters, occurred)))


def _monitor_log(world: World, number: int, rng: Generator) -> _Log:
    rows, recorded_at = monitor(world, number, rng)
    return _Log(rows, recorded_at)


def _texts(kinds: list[EventsOfKind]) -> tuple[pa.Array, pa.Array]:
    """Return the kind and name columns of all events."""
    kind = [same(len(k.session), k.kind) for k in kinds]
    name = [
        pa.nulls(len(k.session), pa.string()) if k.name is None else words(k.name, k.names) for k in kinds
    ]
    return pa.concat_arrays(kind), pa.concat_arrays(name)


def _numbers(parts: list[Floats | None], kinds: list[EventsOfKind]) -> Floats:
    """Return a column of numbers over all kinds, NaN for kinds without a measurement."""
    filled = [
        np.full(len(k.session), np.nan) if part is None else part for part, k in zip(parts, kinds, strict=True)
    ]
    return np.concatenate(filled)


def _nan_as_null(values: Floats) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
