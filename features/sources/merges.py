"""Merged accounts: from the time a merge is known, the surviving account has the rows of both.

Before that time the two accounts are separate. Each row of the merged account is repeated for the surviving
one ("heir" in the tables below), recorded at the merge. So a snapshot is point-in-time correct: whenever it
is computed, it contains the accounts as they were known at its as_of.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, rows, run
from undertow.features.errors import ContractError
from undertow.features.tables import Table

MERGED = "merged"  # end reason of the subscriptions of a merged account; this is no churn


def create_known_accounts(connection: Connection, merges: str | None = None) -> None:
    """Create the view `known_accounts` (account_id, created_at): the listed accounts and the merged ones.

    `merges`: the table of merges, if any: the staged rows while they are checked, the kept rows afterwards.
    """
    merged_away = (
        f"UNION ALL SELECT DISTINCT trim(CAST(account_id AS VARCHAR)), CAST(NULL AS TIMESTAMP) FROM {merges} "
        "WHERE trim(CAST(account_id AS VARCHAR)) NOT IN (SELECT account_id FROM accounts)"
    )
    sql = f"SELECT account_id, created_at FROM accounts {merged_away if merges else ''}"
    run(connection, f"CREATE OR REPLACE VIEW known_accounts AS {sql}", "accounts")


def create_heirs(connection: Connection) -> None:
    """Create the table `heirs`: per merged account, each surviving account, and from when it has the rows.

    Raises ContractError where merges form a circle, so that no account would survive.
    """
    run(connection, f"CREATE OR REPLACE TEMP TABLE paths AS {_PATHS}", "merges")
    circles = rows(connection, "SELECT min(path) AS path FROM paths WHERE account_id = heir", "merges")
    if circles[0]["path"] is not None:
        raise ContractError(
            f"merges: {circles[0]['path']} is a circle, so that no account would be left. "
            "Keep one direction in the SELECT."
        )
    run(connection, f"CREATE OR REPLACE TEMP TABLE heirs AS {_HEIRS}", "merges")


def follow_merges(connection: Connection, table: Table) -> None:
    """Repeat the rows of merged accounts for the surviving accounts; end the merged accounts' subscriptions."""
    run(connection, f"CREATE OR REPLACE TEMP TABLE inherited AS {_INHERITED.format(table=table.name)}", "merges")
    run(connection, f"INSERT INTO {table.name} BY NAME FROM inherited", "merges")
    if table.name == "subscriptions":
        run(connection, _END_OWN, "merges")


# An account may be merged into one that is itself merged later; a path stops where it meets itself.
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
