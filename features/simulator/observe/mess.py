"""Data quality faults of the event log: late batches, duplicates, invalid rows, an outage, a renamed field, a bot."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.simulator.draws import Draws, draws
from undertow.features.simulator.history import World, stream
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
LATE_ON_WEB, LATE_ON_APPS = 0.25, 1.94  # relative to the share of all events; phones wait for a network
NOBODY = "A-99999"  # an unknown account: in no list of accounts


def recorded(p: Parameters, s: Sessions, session: Ints, occurred: Ints, draw: Draws) -> Ints:
    """Return when each event was recorded, in microseconds: minutes later, or days later with its whole session.

    `session`, `occurred` and `draw`: the session, the time and the draws of each event.
    """
    late = s.draws.uniform("late") < p.late_share * np.where(on_apps(s), LATE_ON_APPS, LATE_ON_WEB)
    wait = np.where(late, s.draws.uniform("wait", *LATE_DAYS) * DAY + HOUR, 0.0).astype(np.int64)
    minutes = draw.lognormal("minutes", np.log(4.0), 1.2)
    sent = np.where(late[session], s.begin[session] + wait[session], occurred)
    return np.asarray(sent + (minutes * 60 * SECOND).astype(np.int64))


def outage_span(p: Parameters) -> tuple[int, int]:
    """Return the start and end of the collector's outage, in microseconds."""
    start = int(p.outage_at * p.days) * DAY + 9 * HOUR
    return start, start + int(p.outage_hours * HOUR)


def outage(p: Parameters, occurred: Ints) -> Flags:
    """Return which events fell into the outage and are lost."""
    start, end = outage_span(p)
    return (occurred >= start) & (occurred < end)


def renamed_on(p: Parameters) -> int:
    """Return the day of the release from which apps send the load time as `load_ms`."""
    return int(p.renamed_at * p.days)


def renamed(p: Parameters, occurred: Ints) -> Flags:
    """Return which events occurred after the field was renamed."""
    return occurred >= renamed_on(p) * DAY


def monitor(world: World, number: int) -> tuple[pa.Table, Ints, Draws]:
    """Return the page views of the uptime monitor (a bot) in a month, when they were recorded, and their draws.

    It is listed as an account, pays nothing and visits at fixed intervals, day and night.
    """
    p = world.parameters
    first, end = p.month_start(number) * DAY, p.month_start(number + 1) * DAY
    every = int(p.bot_minutes * 60 * SECOND) or end - first + 1
    occurred = np.arange(first, end if p.bot_minutes else first, every)
    occurred = occurred[~outage(p, occurred)]
    n, account = len(occurred), np.full(len(occurred), bot(world))
    session = numbered("S-M", occurred // DAY, 5)
    draw = draws(world.seed, "monitor", occurred)
    recorded_at = occurred + draw.integers("wait", SECOND, 5 * SECOND)
    load = pa.array(np.round(800.0 + draw.exponential("load", 100.0)))
    rows = pa.table(
        {
            "account_id": account_ids(account),
            "user_id": user_ids(account, np.zeros(n, np.int64)),
            "session_id": session,
            "occurred_at": timestamps(p, occurred),
            "recorded_at": timestamps(p, recorded_at),
            "kind": same(n, "page_view"),
            "name": same(n, "dashboard"),
            "platform": same(n, "web"),
            "duration_ms": load,
            "load_ms": pa.nulls(n, pa.float64()),
            "value": pa.nulls(n, pa.float64()),
            "definition": same(n, "v1"),
        }
    )
    return rows, recorded_at, draw


def with_faulty_rows(world: World, rows: pa.Table, number: int, draw: Draws) -> pa.Table:
    """Add duplicates, and a few invalid rows: an unknown account, a time in 1970, a negative duration.

    `draw`: the draws of each row. Rows are sent twice each by its own chance; the invalid ones are as many as the month
    is long, and copies of rows drawn from all of it.
    """
    p, n, rng = world.parameters, rows.num_rows, stream(world.seed, 12, number)
    duplicates = rows.take(pa.array(np.flatnonzero(draw.uniform("sent twice") < p.double_share)))
    count = int(n > 0) * 3 * (1 + int(n * p.strange_share / 3))
    invalid = rows.take(pa.array(rng.integers(0, max(n, 1), count)))
    fault = np.arange(count) % 3
    unknown, too_early, negative = (pa.array(fault == code) for code in range(3))
    epoch = pa.scalar(np.datetime64("1970-01-01", "us"), pa.timestamp("us"))
    changed = {
        "event_id": numbered(f"E-X{number:03d}-", np.arange(count), 5),
        "account_id": pc.if_else(unknown, NOBODY, invalid["account_id"]),
        "occurred_at": pc.if_else(too_early, epoch, invalid["occurred_at"]),
        "duration_ms": pc.if_else(negative, -1.0, invalid["duration_ms"]),
    }
    columns = {name: changed.get(name, invalid[name]) for name in rows.column_names}
    return pa.concat_tables([rows, duplicates, pa.table(columns, schema=rows.schema)])
