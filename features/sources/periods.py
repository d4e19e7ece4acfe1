"""Subscription periods after loading: gaps that are none, planned changes, and rules between rows.

Two periods of an account that are at most `[churn] touching` hours apart touch: the earlier one is given the end at
which the next begins. Changes of MRR that were recorded before they take effect are listed in the table
`planned_changes`.
"""

from __future__ import annotations

from datetime import datetime

from undertow.features.engines.duckdb import Connection, literal, rows, run
from undertow.features.settings import Churn
from undertow.features.sources.rows.contract import REASON

RENEWAL_TOO_LATE = (
    "renews_at is later than one term after the row began (today's renewal, written over the past?); "
    "give the first renewal after started_at"
)


def close_gaps(connection: Connection, churn: Churn) -> int:
    """Move the end of each paid period to the next start of its account, where the gap is touching; return how many."""
    run(connection, _NEXT.format(hours=churn.touching), "subscriptions")
    run(
        connection,
        "UPDATE subscriptions AS s SET ended_at = t.next_start FROM touching AS t WHERE s.subscription_id = "
        "t.subscription_id AND s.started_at = t.started_at AND s.account_id = t.account_id AND s.ended_at = t.ended_at",
        "subscriptions",
    )
    [row] = rows(connection, "SELECT count(*) AS n FROM touching", "subscriptions")
    return int(str(row["n"]))


def list_planned_changes(connection: Connection, churn: Churn) -> None:
    """Create the table `planned_changes` from the subscriptions: ends, pauses and starts recorded ahead."""
    neutral = ", ".join(literal(reason) for reason in churn.neutral_reasons) or "NULL"
    run(connection, f"CREATE OR REPLACE TABLE planned_changes AS {_PLANNED.format(neutral=neutral)}", "subscriptions")


def refuse_late_renewals(connection: Connection, since: datetime) -> None:
    """Mark the rows of `judged` whose renewal lies after one term, so that they are quarantined.

    A mapping of today's objects over the past has such rows: its `renews_at` is known only of who was renewed since.
    A row that began before `since`, when the tables began to be written, may have been written at any time up to it.
    """
    sql = f"UPDATE judged SET {REASON} = {literal(RENEWAL_TOO_LATE)} WHERE {_LATE}"
    run(connection, sql.format(since=f"{since:%Y-%m-%d %H:%M:%S}"), "subscriptions")


def open_histories(connection: Connection) -> tuple[int, str]:
    """Return how many periods still run when the next one of their subscription begins, and one such subscription."""
    [row] = rows(connection, _OVERLAPPING, "subscriptions")
    return int(str(row["n"])), str(row["example"])


_NEXT = """
CREATE OR REPLACE TEMP TABLE touching AS
WITH paid AS (SELECT * FROM subscriptions WHERE mrr > 0 AND coalesce(ended_at > started_at, true)),
starts AS (SELECT DISTINCT account_id, started_at AS next_start FROM paid WHERE superseded_at IS NULL)
SELECT DISTINCT p.subscription_id, p.account_id, p.started_at, p.ended_at, n.next_start
FROM paid AS p ASOF JOIN starts AS n ON p.account_id = n.account_id AND p.ended_at < n.next_start
WHERE n.next_start <= p.ended_at + to_seconds({hours} * 3600)
"""

_PLANNED = """
SELECT account_id, subscription_id, known_at AS announced_at, known_at AS recorded_at, takes_effect_at, kind, mrr,
       superseded_at
FROM (
    SELECT *, greatest(recorded_at, end_recorded_at) AS known_at, ended_at AS takes_effect_at,
           CASE WHEN end_reason IN ({neutral}) THEN 'pause' ELSE 'end' END AS kind
    FROM subscriptions WHERE ended_at IS NOT NULL
    UNION ALL BY NAME
    SELECT *, recorded_at AS known_at, started_at AS takes_effect_at, 'start' AS kind FROM subscriptions
)
WHERE known_at < takes_effect_at AND mrr > 0 AND coalesce(ended_at > started_at, true)
"""

_LATE = f"""{REASON} IS NULL AND term_months > 0 AND renews_at >
    greatest(started_at, recorded_at, TIMESTAMP '{{since}}') + to_seconds(term_months * 30.4375 * 86400)
    + INTERVAL 2 DAY"""

_OVERLAPPING = """
SELECT count(*) AS n, min(subscription_id) AS example FROM (
    SELECT subscription_id, started_at, ended_at,
           lead(started_at) OVER (PARTITION BY account_id, subscription_id ORDER BY started_at) AS next_start
    FROM subscriptions WHERE mrr > 0 AND superseded_at IS NULL
)
WHERE next_start < coalesce(ended_at, TIMESTAMP '9999-01-01')
"""
