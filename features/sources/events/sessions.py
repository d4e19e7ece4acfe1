"""Names sessions of events without session_id: those of one user, without a pause longer than a gap.

A session never depends on a row that was recorded later than the rows of it: sessions at an old as_of are the same
whether the rows recorded since are there or not (point-in-time rule). A row that happened after all rows of its user
known before it continues the last session, or begins one after a pause. A row that comes late joins the session of the
row nearest before it, or else nearest after it, within the gap; else it is in a session of late rows of its own.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, rows, run

_WITHOUT = "session_id IS NULL AND user_id IS NOT NULL"
_KNOWN = "greatest(occurred_at, recorded_at), occurred_at, event_id"
_OF_USER = "PARTITION BY account_id, user_id"

_IN_ORDER = f"""
CREATE OR REPLACE TEMP TABLE placed AS
SELECT rowid AS number, account_id, user_id, occurred_at, greatest(occurred_at, recorded_at) AS known_at, event_id,
       max(occurred_at) OVER ({_OF_USER} ORDER BY {_KNOWN} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
FROM events WHERE {_WITHOUT};
CREATE OR REPLACE TEMP TABLE in_order AS
SELECT number, account_id, user_id, occurred_at, max(begins) OVER (
           {_OF_USER} ORDER BY known_at, occurred_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
       ) AS began
FROM (SELECT *, CASE WHEN coalesce(occurred_at - before > {{gap}}, true) THEN occurred_at END AS begins
      FROM placed WHERE coalesce(occurred_at >= before, true))
"""

_LATE = """
CREATE OR REPLACE TEMP TABLE late AS
SELECT l.number, l.account_id, l.user_id, l.occurred_at,
       coalesce(CASE WHEN l.occurred_at - b.occurred_at <= {gap} THEN b.began END,
                CASE WHEN a.occurred_at - l.occurred_at <= {gap} THEN a.began END) AS began
FROM (SELECT * FROM placed WHERE occurred_at < before) AS l
ASOF LEFT JOIN in_order AS b ON l.account_id = b.account_id AND l.user_id = b.user_id AND l.occurred_at >= b.occurred_at
ASOF LEFT JOIN in_order AS a ON l.account_id = a.account_id AND l.user_id = a.user_id AND l.occurred_at <= a.occurred_at
"""

_NAME = """
UPDATE events SET session_id = s.session FROM (
    SELECT number, concat(user_id, ' from ', began) AS session FROM in_order
    UNION ALL
    SELECT number, coalesce(concat(user_id, ' from ', began),
                            concat(user_id, ' late around ', time_bucket({gap}, occurred_at))) FROM late
) AS s WHERE events.rowid = s.number
"""


def count_without_session(connection: Connection) -> int:
    """Return the number of rows of `events` that have a user and no session."""
    [row] = rows(connection, f"SELECT count(*) AS n FROM events WHERE {_WITHOUT}", "sessions")
    return int(str(row["n"]))


def name_sessions(connection: Connection, gap_minutes: float) -> None:
    """Set events.session_id of rows with a user and no session; a pause of more than `gap_minutes` ends one."""
    gap = f"to_microseconds({round(gap_minutes * 60_000_000)})"
    for sql in (_IN_ORDER, _LATE, _NAME):
        run(connection, sql.format(gap=gap), "sessions")
    run(connection, "DROP TABLE placed; DROP TABLE in_order; DROP TABLE late", "sessions")
