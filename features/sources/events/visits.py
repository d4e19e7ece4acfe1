"""Marks the event that begins each visit, so that visits can be counted like rows, whatever the window.

A visit: the events of an account with one session_id; without session_id, those of one user on one UTC day.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, run

_VISIT = "coalesce(session_id, concat(user_id, ' on ', CAST(occurred_at AS DATE)))"
_HAS_VISIT = "coalesce(session_id, user_id) IS NOT NULL"
_ORDER = "(greatest(occurred_at, recorded_at), occurred_at, event_id)"

# The first row of a visit to be known, not the earliest: rows that are recorded later do not move the mark, so that
# visits at an old as_of are the same whether the rows recorded since are there or not (point-in-time rule).
_FIRST_KNOWN = f"""
UPDATE events SET opens_visit = true WHERE rowid IN (
    SELECT arg_min(rowid, {_ORDER}) FROM events WHERE {_HAS_VISIT} GROUP BY account_id, {_VISIT}
)
"""

_OPENED_BEFORE = f"""
CREATE OR REPLACE TEMP TABLE opened AS
SELECT account_id, {_VISIT} AS visit, event_id, occurred_at, {_ORDER} AS place FROM stored_events
WHERE opens_visit AND (account_id, {_VISIT}) IN (SELECT (account_id, {_VISIT}) FROM events WHERE {_HAS_VISIT});
CREATE OR REPLACE TEMP TABLE first_known AS
SELECT arg_min(rowid, {_ORDER}) AS first_row, account_id, {_VISIT} AS visit, min({_ORDER}) AS place
FROM events WHERE {_HAS_VISIT} GROUP BY ALL;
UPDATE events SET opens_visit = true WHERE rowid IN (
    SELECT f.first_row FROM first_known AS f LEFT JOIN opened AS o USING (account_id, visit)
    WHERE o.place IS NULL OR f.place < o.place
);
CREATE OR REPLACE TEMP TABLE unmarked AS
SELECT o.account_id, o.event_id, o.occurred_at FROM opened AS o JOIN first_known AS f USING (account_id, visit)
WHERE f.place < o.place
"""


def mark_visits(connection: Connection) -> None:
    """Set events.opens_visit on the first known row of each visit; it is null on all others."""
    run(connection, _FIRST_KNOWN, "visits")


def mark_visits_beside(connection: Connection) -> None:
    """Set events.opens_visit where the visits of `stored_events`, marked before, are continued by the rows of `events`.

    The table `unmarked` (account_id, event_id, occurred_at) names the stored rows that no longer open a visit.
    """
    run(connection, _OPENED_BEFORE, "visits")
