"""The current time, read once per command."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time in UTC, without a time zone. The only call of a clock in Undertow."""
    return datetime.now(UTC).replace(tzinfo=None)
