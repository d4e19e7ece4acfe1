"""Accounts that went into another one: who owns which row, and from when.

Before a merge was known, both accounts stand for themselves. From then on the surviving account has the
rows of both: each row of the other is repeated for it, as recorded at the merge. So a snapshot of any
moment, made at any later time, sees what was one account then.
"""

from __future__ import annotations

from features.engines import Connection, run
from features.tables import Table

MERGED = "merged"  # why the subscriptions of an account end that went into another one; no churn


def name_known_accounts(connection: Connection, has_merges: bool) -> None:
    """Make the view `known_accounts` (account_id, created_at): those listed, and those merged away."""
    merged_away = (
        "UNION ALL SELECT account_id, NULL FROM merges WHERE account_id NOT IN (SELECT account_id FROM accounts)"
    )
    sql = f"SELECT account_id, created_at FROM accounts {merged_away if has_merges else ''}"
    run(connection, f"CREATE OR REPLACE VIEW known_accounts AS {sql}", "accounts")
    if has_merges:
        run(connection, f"CREATE OR REPLACE TEMP TABLE heirs AS {_HEIRS}", "merges")


def follow_merges(connection: Connection, table: Table) -> None:
    """Repeat the rows of merged accounts for their heirs, and end their own subscriptions."""
    run(connection, f"CREATE OR REPLACE TEMP TABLE inherited AS {_INHERITED.format(table=table.name)}", "merges")
    if table.name == "subscriptions":
        run(connection, _END_OWN, "merges")
    run(connection, f"INSERT INTO {table.name} BY NAME FROM inherited", "merges")


# An account may go into one that itself goes into another; a circle ends where it began.
_HEIRS = """
WITH RECURSIVE followed AS (
    SELECT account_id, merged_into AS heir, greatest(merged_at, recorded_at) AS since, merged_at, [account_id] AS path
    FROM merges WHERE account_id <> merged_into
    UNION ALL
    SELECT f.account_id, m.merged_into, greatest(f.since, m.merged_at, m.recorded_at), f.merged_at,
           list_append(f.path, m.account_id)
    FROM followed AS f JOIN merges AS m ON m.account_id = f.heir
    WHERE NOT list_contains(f.path, m.merged_into)
)
SELECT account_id, heir, min(since) AS since, min(merged_at) AS merged_at FROM followed GROUP BY account_id, heir
"""

_INHERITED = """
SELECT t.* REPLACE (h.heir AS account_id, greatest(t.recorded_at, h.since) AS recorded_at)
FROM {table} AS t JOIN heirs AS h USING (account_id)
"""

_END_OWN = f"""
UPDATE subscriptions AS s
SET ended_at = h.merged_at, end_reason = '{MERGED}', end_recorded_at = h.since
FROM (SELECT account_id, min(merged_at) AS merged_at, min(since) AS since FROM heirs GROUP BY account_id) AS h
WHERE s.account_id = h.account_id AND coalesce(s.ended_at > h.merged_at, true) AND s.started_at < h.merged_at
"""
