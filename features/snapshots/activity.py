"""Activity of accounts that never cancel: the days on which they bought or used something, for inactivity churn.

An account is a customer at an as_of if it was active within the `active_days` before it, and has left within a horizon
if it was not active again in the whole of it. Days are UTC; at an as_of, which is a midnight, they lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from undertow.features.engines.database import Database
from undertow.features.engines.duckdb import literal
from undertow.features.errors import DataError
from undertow.features.settings import Settings

_PURCHASES = """
SELECT DISTINCT account_id, CAST(attempted_at AS DATE) AS day, CAST(greatest(attempted_at, recorded_at) AS DATE)
       AS known_day, CAST(superseded_at AS DATE) AS replaced_day
FROM payments WHERE kind = 'attempt' AND succeeded
"""
_USES = """
SELECT DISTINCT account_id, CAST(occurred_at AS DATE) AS day, CAST(greatest(occurred_at, recorded_at) AS DATE)
       AS known_day, CAST(NULL AS DATE) AS replaced_day
FROM events WHERE {counts}
"""


@dataclass(frozen=True)
class Activity:
    """What makes an account a customer where nobody cancels: a purchase or use within so many days before as_of.

    `tables`: payments (those that went through), events, or both. `left_out`: kinds of events that are no activity.
    """

    days: int
    tables: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def make_days(self, database: Database) -> None:
        """Create the table `activity`: (account_id, day, known_day, replaced_day); the tables must be open.

        One row per day with activity, and day on which it was known. It counts at an as_of if both lie before it,
        unless a newer state of its row was recorded on `replaced_day`, before it.
        """
        kinds = ", ".join(literal(kind) for kind in self.left_out)
        uses = _USES.format(counts=f"kind NOT IN ({kinds})" if kinds else "true")
        parts = {"payments": _PURCHASES, "events": uses}
        database.create_table("activity", " UNION ALL ".join(parts[table] for table in self.tables), "activity")

    @property
    def customers(self) -> str:
        """Return the SELECT of (account_id, as_of) of the customers at each of `as_ofs`."""
        return (
            "SELECT DISTINCT a.account_id, s.as_of FROM activity AS a JOIN as_ofs AS s "
            f"ON a.day < s.as_of AND a.day >= s.as_of - INTERVAL {self.days} DAY AND {is_known('s.as_of')}"
        )

    def since(self, needed: Mapping[str, datetime | None], first: datetime) -> dict[str, datetime | None]:
        """Return the time from which each table is needed, `days` before the `first` as_of at the latest.

        `needed`: table -> the time from which features need it; None: all of it.
        """
        found = dict(needed)
        for table in self.tables:
            known = found.get(table, first)
            found[table] = None if known is None else min(known, first - timedelta(days=self.days))
        return found


def activity_of(settings: Settings, present: Iterable[str]) -> Activity | None:
    """Return what counts as activity; None where churn is the end of a subscription.

    Raises DataError where none of the tables that [churn] activity names has a source.
    """
    churn = settings.churn
    if churn.kind != "inactivity":
        return None
    tables = tuple(table for table in churn.activity if table in set(present))
    if not tables:
        raise DataError(
            f'[churn] kind = "inactivity" needs the table {" or ".join(churn.activity)}, and there is no source of '
            'it: give one under [tables]. Where customers cancel, give subscriptions and set kind = "subscription".'
        )
    return Activity(churn.active_days, tables, settings.events.not_activity)


def is_known(as_of: str) -> str:
    """Return the SQL condition under which a row `a` of `activity` was recorded before `as_of`, SQL of a midnight."""
    return f"a.known_day < {as_of} AND (a.replaced_day IS NULL OR a.replaced_day >= {as_of})"
