"""The as_ofs of snapshots: midnights UTC, in the settings or at month starts of the recorded period.

Windows are half-open, `[as_of - days, as_of)`, and always UTC.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from undertow.features.errors import TimeError
from undertow.features.settings import Snapshots, midnight
from undertow.features.sources.loaded import Tables


def month_starts(first: datetime, until: datetime) -> list[datetime]:
    """Return every first-of-month midnight in `[first, until]`.

    >>> len(month_starts(datetime(2024, 1, 15), datetime(2024, 6, 1)))
    5
    """
    month = datetime(first.year, first.month, 1)
    starts = []
    while month <= until:
        if month >= first:
            starts.append(month)
        month = datetime(month.year + month.month // 12, month.month % 12 + 1, 1)
    return starts


def require_midnight(as_of: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError unless it is a midnight without a time zone."""
    if as_of.tzinfo is not None:
        raise TimeError(f"as_of {as_of} has a time zone; give it in UTC without one.")
    if (as_of.hour, as_of.minute, as_of.second, as_of.microsecond) != (0, 0, 0, 0):
        raise TimeError(f"as_of {as_of} has a time of day; snapshots are taken at midnight UTC. Give a day.")
    return as_of


def require_known(as_of: datetime, until: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError where it lies after the end of the recorded rows."""
    if as_of > until:
        raise TimeError(
            f"as_of {as_of:%Y-%m-%d} lies after the rows end ({until:%Y-%m-%d}). "
            "Choose an earlier day, or add newer data."
        )
    return as_of


LONGEST_WINDOW = 90  # days


def calendar(snapshots: Snapshots, tables: Tables) -> list[datetime]:
    """Return the as_ofs of all snapshots: the dates in the settings, or every month start in the recorded period.

    The first month start lies at least 90 days after the period begins, so that every window is full. Raises
    TimeError where the period is too short for one.
    """
    if snapshots.dates:
        days = {*snapshots.dates, *snapshots.test}
        return [midnight(day) for day in sorted(days)]
    as_ofs = month_starts(tables.since + timedelta(days=LONGEST_WINDOW), tables.until)
    as_ofs = sorted({*as_ofs, *(midnight(day) for day in snapshots.test)})
    if not as_ofs:
        raise TimeError(
            f"The rows run from {tables.since:%Y-%m-%d} to {tables.until:%Y-%m-%d}: too short for a month start "
            f"with {LONGEST_WINDOW} days before it. Add older rows, set [data] since, or name [snapshots] dates."
        )
    return as_ofs
