"""The renewals of a list as a calendar (iCalendar, RFC 5545): one all-day event per account that renews."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from icalendar import Calendar, Event

from undertow.serving.formatting import money, percent

MAKER = "-//Undertow//Renewals//EN"


def as_calendar(rows: pa.Table, manifest: Mapping[str, Any]) -> bytes:
    """Return the renewals of rows of scores as an .ics file; accounts without one are left out.

    An event keeps its UID from one publication to the next while the day stays, so that a calendar updates it.
    """
    calendar = Calendar()
    calendar.add("prodid", MAKER)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Renewals, {manifest.get('project', 'Undertow')}")
    published = datetime.fromisoformat(manifest["published_at"]).replace(tzinfo=UTC)
    for row in rows.to_pylist():
        if row["renews_at"] is not None:
            calendar.add_component(_event(row, manifest, published))
    return bytes(calendar.to_ical())


def _event(row: Mapping[str, Any], manifest: Mapping[str, Any], published: datetime) -> Event:
    day, name = row["renews_at"].date(), row["name"] or row["account_id"]
    lost = money(row["value_at_risk"], row["currency"])
    chance = percent(row[f"p_{manifest['headline']}"])
    facts = [f"Account {row['account_id']}", f"Leaves in {manifest['headline']} days: {chance}",
             f"Value at risk over {manifest['value_months']} months: {lost}", row["announced"], row["reason_1"],
             f"As of {manifest['as_of']}. Associated, not causes."]  # fmt: skip
    event = Event()
    event.add("uid", f"renewal-{row['account_id']}-{day:%Y%m%d}@undertow")
    event.add("dtstamp", published)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("summary", f"Renewal: {name} · {lost} at risk")
    event.add("description", "\n".join(fact for fact in facts if fact))
    return event
