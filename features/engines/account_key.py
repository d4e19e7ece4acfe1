"""The number that stands for an account in the slot plan: a join or a group by it costs less than by its name.

It is made of the first 60 bits of the MD5 of account_id, the same in every version of the tables and on both engines.
Loading stores it with the events, and refuses accounts that share one.
"""

from __future__ import annotations

from undertow.features.engines.duckdb import Connection, rows
from undertow.features.errors import DataError

_DIGITS = 15  # of 4 bits each


def account_key(account: str, dialect: str = "duckdb") -> str:
    """Return the SQL of the key of an account, given as SQL text; `dialect`: "duckdb" or "spark"."""
    digits = f"substring(md5({account}), 1, {_DIGITS})"
    return f"CAST(conv({digits}, 16, 10) AS BIGINT)" if dialect == "spark" else f"CAST('0x' || {digits} AS BIGINT)"


def refuse_equal_keys(connection: Connection) -> None:
    """Raise DataError where two accounts of the table `accounts` have the same key: one in 10^5 tables of 5 million."""
    sql = (
        f"SELECT min(account_id) AS one, max(account_id) AS other FROM accounts GROUP BY {account_key('account_id')} "
        "HAVING count(DISTINCT account_id) > 1 LIMIT 1"
    )
    for pair in rows(connection, sql, "accounts"):
        raise DataError(
            f"accounts: {pair['one']} and {pair['other']} have the same key, the first 60 bits of the MD5 of "
            "account_id. Give one of them another account_id in the SELECT of every table."
        )
