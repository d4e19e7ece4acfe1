"""The platform that each account used most in the 90 days before an as_of, as known then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from undertow.features.compiler.point_in_time import known_rows
from undertow.features.engines.database import open_database
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Tables

DAYS = 90
NOT_SEEN = "not seen"  # an account without an event that names a platform


def platforms(
    settings: Settings, tables: Tables, as_ofs: Sequence[datetime], account_ids: Sequence[Sequence[str]]
) -> list[list[str]] | None:
    """Return the platform of each account at each as_of, NOT_SEEN without one; None where no event names a platform.

    `account_ids`: of each as_of. Of two platforms that were used as often, the first by name counts.
    """
    if "events" not in tables.present or not as_ofs:
        return None
    found = []
    with open_database(settings) as database:
        files = tables.files("events", min(as_ofs) - timedelta(days=DAYS), max(as_ofs))
        database.open_table("events", files)
        wanted = sorted({each for ids in account_ids for each in ids})
        database.register("wanted", pa.table({"account_id": pa.array(wanted, pa.string())}))
        for as_of, ids in zip(as_ofs, account_ids, strict=True):
            counts = database.arrow(_counts(as_of, database.dialect), "platforms")
            most: dict[str, str] = {}
            for account, platform in zip(counts["account_id"].to_pylist(), counts["platform"].to_pylist(), strict=True):
                most.setdefault(account, platform)
            found.append([most.get(each, NOT_SEEN) for each in ids])
    return found if any(platform != NOT_SEEN for by_account in found for platform in by_account) else None


def _counts(as_of: datetime, dialect: str) -> str:
    """Return the SELECT of accounts and platforms, of each account the most used one first."""
    known = known_rows("events", ("account_id", "occurred_at", "platform"), as_of, dialect)
    first = as_of - timedelta(days=DAYS)
    return (
        f"SELECT account_id, platform, count(*) AS events FROM ({known}) AS known "
        f"WHERE platform IS NOT NULL AND occurred_at >= TIMESTAMP '{first:%Y-%m-%d %H:%M:%S}' "
        "AND account_id IN (SELECT account_id FROM wanted) "
        "GROUP BY account_id, platform ORDER BY account_id, events DESC, platform"
    )
