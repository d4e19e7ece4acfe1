"""Accounts that went into another one: who owns which row, and from when.

Before a merge was known, both accounts stand for themselves. From then on the surviving account has the
rows of both: each row of the other is repeated for it, as recorded at the merge. So a snapshot of any
moment, made at any later time, sees what was one account then.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, rows, run
from undertow.features.errors import ContractError
from undertow.features.tables import Table

MERGED = "merged"  # why the subscriptions of an account end that went into another one; no churn


def name_known_accounts(connection: Connection, merges: str | None = None) -> None:
    """Make the view `known_accounts` (account_id, created_at): those listed, and those merged away.

    `merges`: the table that says who was, if any: as given, while it is judged, or what was kept of it.
    """
    merged_away = (
        f"UNION ALL SELECT DISTINCT trim(CAST(account_id AS VARCHAR)), CAST(NULL AS TIMESTAMP) FROM {merges} "
        "WHERE trim(CAST(account_id AS VARCHAR)) NOT IN (SELECT account_id FROM accounts)"
    )
    sql = f"SELECT account_id, created_at FROM accounts {merged_away if merges else ''}"
    run(connection, f"CREATE OR REPLACE VIEW known_accounts AS {sql}", "accounts")


def name_heirs(connection: Connection) -> None:
    """Make the table `heirs`: who has whose rows, and from when.

    Raises ContractError where accounts go into each other in a circle: nobody would be left.
    """
    run(connection, f"CREATE OR REPLACE TEMP TABLE paths AS {_PATHS}", "merges")
    circles = rows(connection, "SELECT min(path) AS path FROM paths WHERE account_id = heir", "merges")
    if circles[0]["path"] is not None:
        raise ContractError(
            f"merges: {circles[0]['path']} leads back to where it began, so that no account would be left. "
            "Keep one direction in the SELECT."
        )
    run(connection, f"CREATE OR REPLACE TEMP TABLE heirs AS {_HEIRS}", "merges")


def follow_merges(connection: Connection, table: Table) -> None:
    """Repeat the rows of merged accounts for their heirs, and end those of whoever went on into another one."""
    run(connection, f"CREATE OR REPLACE TEMP TABLE inherited AS {_INHERITED.format(table=table.name)}", "merges")
    run(connection, f"INSERT INTO {table.name} BY NAME FROM inherited", "merges")
    if table.name == "subscriptions":
        run(connection, _END_OWN, "merges")


# An account may go into one that itself goes into another; a path stops where it meets itself.
_PATHS = """
WITH RECURSIVE followed AS (
    SELECT account_id, merged_into AS heir, greatest(merged_at, recorded_at) AS since, merged_at,
           [account_id, merged_into] AS passed
    FROM merges WHERE account_id <> merged_into
    UNION ALL
    SELECT f.account_id, m.merged_into, greatest(f.since, m.merged_at, m.recorded_at), f.merged_at,
           list_append(f.passed, m.merged_into)
    FROM followed AS f JOIN merges AS m ON m.account_id = f.heir
    WHERE len(f.passed) = len(list_distinct(f.passed))
)
SELECT account_id, heir, since, merged_at, list_aggregate(passed, 'string_agg', ' -> ') AS path FROM followed
"""

_HEIRS = """
SELECT account_id, heir, min(since) AS since, min(merged_at) AS merged_at FROM paths GROUP BY account_id, heir
"""

_INHERITED = """
SELECT t.* REPLACE (h.heir AS account_id, greatest(t.recorded_at, h.since) AS recorded_at)
FROM {table} AS t JOIN heirs AS h USING (account_id)
"""

_END_OWN = f"""
UPDATE subscriptions AS s
SET ended_at = h.merged_at, end_reason = '{MERGED}', end_recorded_at = h.since
FROM (SELECT account_id, min(merged_at) AS merged_at, min(since) AS since FROM heirs GROUP BY account_id) AS h
WHERE s.account_id = h.account_id AND coalesce(s.ended_at >= h.merged_at, true) AND s.started_at < h.merged_at
"""
