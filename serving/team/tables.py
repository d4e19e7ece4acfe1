"""The tables of the team's database, the same in SQLite and PostgreSQL, and the version of this schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

VERSION = 1


class Utc(TypeDecorator[datetime]):
    """A moment with its time zone, UTC; SQLite keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a moment as it is stored. Raises ValueError where it has no time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        in_utc = value.astimezone(UTC)
        return in_utc if dialect.name == "postgresql" else in_utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a stored moment with its time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


METADATA = MetaData()


def _of_a_status() -> list[Column[Any]]:
    """Return the columns that a status and a line of its history share."""
    return [
        Column("status", Text, nullable=False),  # open, contacted, snoozed or done
        Column("until", Date),  # of snoozed: the day on which it is open again
        Column("owner", Text),  # who works on it
        Column("due", Date),
        Column("note", Text, nullable=False),
    ]


SCHEMA = Table("undertow_team", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))
STATUSES = Table(
    "undertow_statuses",
    METADATA,
    Column("account_id", Text, primary_key=True),
    *_of_a_status(),
    Column("version", Integer, nullable=False),  # 1 for the first, and one more with each change
    Column("changed_at", Utc, nullable=False),
    Column("changed_by", Text, nullable=False),  # the name of a key, or of who typed the command
)
HISTORY = Table(  # append-only: a line per change, of which the last is the status
    "undertow_status_history",
    METADATA,
    Column("line", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    *_of_a_status(),
    Column("version", Integer, nullable=False),
    Column("changed_at", Utc, nullable=False),
    Column("changed_by", Text, nullable=False),
    UniqueConstraint("account_id", "version"),
)
VIEWS = Table(
    "undertow_views",
    METADATA,
    Column("made_by", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("query", Text, nullable=False),  # of the list, such as segment=business&min_value=500
    Column("shared", Boolean, nullable=False),
    Column("made_at", Utc, nullable=False),
)
