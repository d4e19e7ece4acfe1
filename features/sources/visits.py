"""Marks the event that begins each visit, so that visits can be counted like rows, whatever the window."""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, run

# The first row of a visit to be known, not the earliest: rows that are recorded later do not move the mark, so that
# visits at an old as_of are the same whether the rows recorded since are there or not (point-in-time rule).
_FIRST_KNOWN = """
UPDATE events SET opens_visit = true WHERE rowid IN (
    SELECT arg_min(rowid, (greatest(occurred_at, recorded_at), occurred_at, event_id)) FROM events
    WHERE coalesce(session_id, user_id) IS NOT NULL
    GROUP BY account_id, coalesce(session_id, concat(user_id, ' on ', CAST(occurred_at AS DATE)))
)
"""


def mark_visits(connection: Connection) -> None:
    """Set events.opens_visit on the first known row of each visit; it is null on all others.

    A visit: the events of an account with one session_id; without session_id, those of one user on one UTC day.
    """
    run(connection, _FIRST_KNOWN, "visits")
