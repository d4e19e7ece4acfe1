"""The current time, read once per command."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, without a time zone. The only clock of the jobs: the service has its own."""
    return aware_now().replace(tzinfo=None)


def aware_now() -> datetime:
    """Return the current time in UTC, with its time zone."""
    return datetime.now(UTC)
