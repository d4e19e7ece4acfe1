"""Moments and calendars. Windows are half-open, `[as_of - days, as_of)`, and always UTC."""

from __future__ import annotations

from datetime import datetime

from undertow.features.errors import TimeError


def month_starts(first: datetime, until: datetime) -> list[datetime]:
    """Return every first-of-month midnight in `[first, until]`."""
    moment = datetime(first.year, first.month, 1)
    found = []
    while moment <= until:
        if moment >= first:
            found.append(moment)
        moment = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1)
    return found


def require_midnight(as_of: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError unless it is a midnight without a zone."""
    if as_of.tzinfo is not None:
        raise TimeError(f"as_of {as_of} carries a time zone; write it in UTC without one")
    if (as_of.hour, as_of.minute, as_of.second, as_of.microsecond) != (0, 0, 0, 0):
        raise TimeError(f"as_of {as_of} has a time of day; snapshots are taken at midnight UTC")
    return as_of


def require_known(as_of: datetime, until: datetime) -> datetime:
    """Return `as_of` unchanged. Raises TimeError where it lies after the recorded rows end."""
    if as_of > until:
        raise TimeError(
            f"as_of {as_of:%Y-%m-%d} lies after the rows end ({until:%Y-%m-%d}): nothing is known "
            "there yet. Choose an earlier day, or add newer data."
        )
    return as_of
