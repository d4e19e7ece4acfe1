"""Tables and rows of measures: so many days before AS_OF, for an account that is looked at then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from undertow.features.catalogue.language import rows_of

AS_OF = datetime(2024, 3, 31)
MOMENT = timedelta(microseconds=1)
Row = Mapping[str, object]
Value = Callable[..., object]
accounts = rows_of("accounts")
events = rows_of("events")
tickets = rows_of("tickets")
invoices = rows_of("invoices")
subscriptions = rows_of("subscriptions")
errors = events.where(kind="error")
active = subscriptions.still("ended_at")


def ago(days: float) -> datetime:
    """Return the moment so many days before as_of; after it, where negative."""
    return AS_OF - timedelta(days=days)


def events_ago(*days_ago: float, **more: object) -> list[Row]:
    return [{"occurred_at": ago(days), **more} for days in days_ago]


def values_of(*values: object, column: str = "value") -> list[Row]:
    return [{"occurred_at": ago(1), column: value} for value in values]
