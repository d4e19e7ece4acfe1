"""Activity of accounts that never cancel: the days on which they bought or used something, for inactivity churn.

An account is a customer at an as_of if it was active within the `active_days` before it, and has left within a horizon
if it was not active again in the whole of it. Days are UTC; at an as_of, which is a midnight, they lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from undertow.features.engines.database import Database
from undertow.features.errors import DataError
from undertow.features.settings import Churn

_DAYS = {
    "payments": (
        "SELECT DISTINCT account_id, CAST(attempted_at AS DATE) AS day, "
        "CAST(greatest(attempted_at, recorded_at) AS DATE) AS known_day, CAST(superseded_at AS DATE) AS replaced_day "
        "FROM payments WHERE kind = 'attempt' AND succeeded"
    ),
    "events": (
        "SELECT DISTINCT account_id, CAST(occurred_at AS DATE) AS day, "
        "CAST(greatest(occurred_at, recorded_at) AS DATE) AS known_day, CAST(NULL AS DATE) AS replaced_day FROM events"
    ),
}


def activity_tables(churn: Churn, present: Iterable[str]) -> tuple[str, ...]:
    """Return the tables that count as activity; none where churn is the end of a subscription.

    Raises DataError where none of those that [churn] activity names has a source.
    """
    if churn.kind != "inactivity":
        return ()
    found = tuple(table for table in churn.activity if table in set(present))
    if not found:
        names = " or ".join(churn.activity)
        raise DataError(
            f'[churn] kind = "inactivity" needs the table {names}, and neither has a source: give one under [tables]. '
            'Customers who cancel are described by subscriptions and kind = "subscription".'
        )
    return found


def make_activity(database: Database, tables: Iterable[str]) -> None:
    """Create the table `activity`: (account_id, day, known_day, replaced_day), one row per day and when it was known.

    `tables`: payments (those that went through) and events, which must be open. A day counts at an as_of if it and
    `known_day` lie before it, unless a newer state of its row was recorded on `replaced_day`, before it.
    """
    database.create_table("activity", " UNION ALL ".join(_DAYS[table] for table in tables), "activity")


def is_known(as_of: str) -> str:
    """Return the SQL condition under which a row `a` of `activity` was recorded before `as_of`, SQL of a midnight."""
    return f"a.known_day < {as_of} AND (a.replaced_day IS NULL OR a.replaced_day >= {as_of})"


def active_accounts(churn: Churn) -> str:
    """Return the SELECT of (account_id, as_of) of the accounts that were active within `active_days` of `as_ofs`."""
    return (
        "SELECT DISTINCT a.account_id, s.as_of FROM activity AS a JOIN as_ofs AS s "
        f"ON a.day < s.as_of AND a.day >= s.as_of - INTERVAL {churn.active_days} DAY AND {is_known('s.as_of')}"
    )


def with_activity(
    since: Mapping[str, datetime | None], tables: Iterable[str], churn: Churn, first: datetime
) -> dict[str, datetime | None]:
    """Return the time from which each table is needed, `active_days` before the `first` as_of at the latest.

    `since`: table -> the time from which features need it; None: all of it.
    """
    needed = dict(since)
    for table in tables:
        earliest, known = first - timedelta(days=churn.active_days), needed.get(table, first)
        needed[table] = None if known is None else min(known, earliest)
    return needed
