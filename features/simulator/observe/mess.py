"""What goes wrong on the way into the records: late batches, doubles, nonsense, an outage, a new name, a robot."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    HOUR,
    SECOND,
    account_ids,
    numbered,
    same,
    timestamps,
    user_ids,
)
from undertow.features.simulator.observe.people import bot
from undertow.features.simulator.observe.sessions import Sessions, on_apps
from undertow.features.simulator.parameters import Parameters
from undertow.features.simulator.state import Flags, Ints

LATE_DAYS = (3.0, 7.0)
LATE_ON_WEB, LATE_ON_APPS = 0.25, 1.94  # against the share of all events; telephones wait for a network
NOBODY = "A-99999"  # an account that no list has


def recorded(p: Parameters, s: Sessions, session: Ints, occurred: Ints, rng: Generator) -> Ints:
    """Return when each event was recorded: minutes later, or with the whole session in a batch days later."""
    late = rng.random(len(s)) < p.late_share * np.where(on_apps(s), LATE_ON_APPS, LATE_ON_WEB)
    wait = np.where(late, rng.uniform(*LATE_DAYS, len(s)) * DAY + HOUR, 0.0).astype(np.int64)
    minutes = rng.lognormal(np.log(4.0), 1.2, len(session))
    sent = np.where(late[session], s.begin[session] + wait[session], occurred)
    return np.asarray(sent + (minutes * 60 * SECOND).astype(np.int64))


def outage_span(p: Parameters) -> tuple[int, int]:
    """Return from when to when the collector was down, in microseconds."""
    start = int(p.outage_at * p.days) * DAY + 9 * HOUR
    return start, start + int(p.outage_hours * HOUR)


def outage(p: Parameters, occurred: Ints) -> Flags:
    """Return which events fell into the outage, and are lost."""
    start, end = outage_span(p)
    return (occurred >= start) & (occurred < end)


def renamed_on(p: Parameters) -> int:
    """Return the day of the release from which apps send the load time as `load_ms`."""
    return int(p.renamed_at * p.days)


def renamed(p: Parameters, occurred: Ints) -> Flags:
    """Return which events came after the new name."""
    return occurred >= renamed_on(p) * DAY


def monitor(world: World, number: int, rng: Generator) -> tuple[pa.Table, Ints]:
    """Return the visits of a month by a robot that looks whether the product is up, and when they were recorded.

    It is listed as an account, pays nothing and never sleeps.
    """
    p = world.parameters
    first, end = p.month_start(number) * DAY, p.month_start(number + 1) * DAY
    every = int(p.bot_minutes * 60 * SECOND) or end - first + 1
    occurred = np.arange(first, end if p.bot_minutes else first, every)
    occurred = occurred[~outage(p, occurred)]
    n, robot = len(occurred), np.full(len(occurred), bot(world))
    day = numbered("S-M", occurred // DAY, 5)
    known = occurred + rng.integers(SECOND, 5 * SECOND, n)
    load = pa.array(np.round(800.0 + rng.exponential(100.0, n)))
    rows = pa.table(
        {
            "account_id": account_ids(robot),
            "user_id": user_ids(robot, np.zeros(n, np.int64)),
            "session_id": day,
            "occurred_at": timestamps(p, occurred),
            "recorded_at": timestamps(p, known),
            "kind": same(n, "page_view"),
            "name": same(n, "dashboard"),
            "platform": same(n, "web"),
            "duration_ms": load,
            "load_ms": pa.nulls(n, pa.float64()),
            "value": pa.nulls(n, pa.float64()),
            "definition": same(n, "v1"),
        }
    )
    return rows, known


def spoiled(world: World, rows: pa.Table, number: int, rng: Generator) -> pa.Table:
    """Add rows that came twice, and a handful that cannot be true: no such account, 1970, less than nothing."""
    p, n = world.parameters, rows.num_rows
    doubles = rows.take(pa.array(np.sort(rng.integers(0, max(n, 1), int(n * p.double_share)))))
    count = int(n > 0) * 3 * (1 + int(n * p.strange_share / 3))
    strange = rows.take(pa.array(rng.integers(0, max(n, 1), count)))
    kind = np.arange(count) % 3
    unknown, too_early, negative = (pa.array(kind == which) for which in range(3))
    long_ago = pa.scalar(np.datetime64("1970-01-01", "us"), pa.timestamp("us"))
    changed = {
        "event_id": numbered(f"E-X{number:03d}-", np.arange(count), 5),
        "account_id": pc.if_else(unknown, NOBODY, strange["account_id"]),
        "occurred_at": pc.if_else(too_early, long_ago, strange["occurred_at"]),
        "duration_ms": pc.if_else(negative, -1.0, strange["duration_ms"]),
    }
    columns = {name: changed.get(name, strange[name]) for name in rows.column_names}
    return pa.concat_tables([rows, doubles, pa.table(columns, schema=rows.schema)])
