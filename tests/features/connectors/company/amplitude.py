"""Writes Amplitude's export of events: packed JSON lines, one file per month of receipt.

From the canonical tables: events. Files: `amplitude_events-2023-01.json.gz` and so on. `event_time` is `occurred_at`
and `server_received_time` is `recorded_at`, to the microsecond; the account is in `groups.company`, a list;
`session_id` is the begin of the session in milliseconds; `$insert_id` is the key, the same for an event sent twice.
Page views, clicks, rage and dead clicks have Amplitude's names (NAMES), the others those of product_events.event_kinds.

Noise that must not come back: `$identify` and `session_start` events, page views of visitors who never logged in, and
clocks of devices (`client_event_time`). Before the login an event has a `device_id` and no `user_id`; the `$identify`
event of that device tells who it was, known when it was received.

What cannot come back: the session of conversions, which a server sends (`session_id` -1). The id of a session is its
begin, so that two of different users may have the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import product_events
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, dumped, uuid_of, write_lines
from tests.features.connectors.company.product_events import (
    LIBRARY_VERSIONS,
    Sent,
    identifies,
    sent,
    session_begins,
    text_of,
)

NAMES = {
    "page_view": "[Amplitude] Page Viewed",
    "click": "[Amplitude] Element Clicked",
    "rage_click": "[Amplitude] Rage Click",
    "dead_click": "[Amplitude] Dead Click",
}
SCREEN = "[Amplitude] Screen Viewed"  # a page view of an app
PLATFORMS = {"web": "Web", "ios": "iOS", "android": "Android"}


def write(company: Company, folder: Path) -> None:
    """Write the export."""
    begins, begun = session_begins(company), set[str]()
    by_month: dict[str, list[str]] = defaultdict(list)
    for row in sent(company):
        month = text_of(row.recorded)[:7]
        if row.session not in begun:
            begun.add(row.session)
            by_month[month].append(_line(row, begins, "session_start", uuid_of(f"start {row.id}")))
        by_month[month].append(_line(row, begins, event_name(row), uuid_of(row.id)))
    for received, line in _identify_lines(company):
        by_month[received[:7]].append(line)
    for month, lines in by_month.items():
        write_lines(folder / f"amplitude_events-{month}.json.gz", lines)


def event_name(row: Sent) -> str:
    """Return Amplitude's name of an event, or the one that the product sends."""
    if row.kind == "page_view" and row.platform != "web":
        return SCREEN
    own = None if row.name == "banner" else NAMES.get(row.kind)
    return own or str(row.event)


def expected_events(company: Company) -> pd.DataFrame:
    """Return product_events.expected_events under Amplitude's ids; conversions have no session.

    `session_id` is left as it is: compare which events share one.
    """
    events = product_events.expected_events(company)
    events["event_id"] = [uuid_of(each) for each in events["event_id"]]
    events.loc[events["kind"] == "conversion", "session_id"] = None
    return events


def _line(row: Sent, begins: dict[str, int], name: str, key: str) -> str:
    properties: Json = {}
    if row.page is not None:
        label = "[Amplitude] Page Path" if row.platform == "web" else "[Amplitude] Screen Name"
        properties[label] = f"/{row.page}" if row.platform == "web" else row.page
    if row.kind == "web_vital":
        properties |= {"metric": row.name, "value": row.value}
    if row.duration_ms is not None:
        properties["duration_ms"] = row.duration_ms
    user, groups = (None, {}) if row.anonymous else (row.user, {"company": [row.account]})
    session = -1 if row.kind == "conversion" else begins[row.session] // 1000
    device = row.anonymous or uuid_of(f"device {row.user}")
    return _event(name, key, device, user, row.occurred, row.recorded, session, groups, properties, row.platform)


def _event(
    name: str, key: str, device: str, user: str | None, occurred: int, recorded: int, session: int,
    groups: Json, properties: Json, platform: str,
) -> str:  # fmt: skip
    at, received = (text_of(time, between=" ") for time in (occurred, recorded))
    return dumped(
        {
            "$insert_id": key, "uuid": uuid_of(f"uuid {key}"), "app": 123456, "amplitude_id": int(key[:8], 16),
            "device_id": device, "user_id": user, "event_time": at, "client_event_time": f"{at[:11]}04:05:06.789000",
            "client_upload_time": received, "server_received_time": received, "server_upload_time": received,
            "processed_time": received, "session_id": session, "event_type": name, "event_properties": properties,
            "user_properties": {}, "groups": groups, "group_properties": {}, "platform": PLATFORMS[platform],
            "library": f"amplitude-{platform}/{LIBRARY_VERSIONS[platform]}", "country": "Germany", "data": {},
        }
    )  # fmt: skip


def _identify_lines(company: Company) -> Iterator[tuple[str, str]]:
    for row in identifies(company).itertuples():
        times = (time.as_unit("us").value // 1000 for time in (row.occurred_at, row.recorded_at))
        occurred, recorded = times
        key = uuid_of(f"identify {row.event_id}")
        line = _event("$identify", key, row.anonymous_id, row.user_id, occurred, recorded, -1, {}, {}, "web")
        yield text_of(recorded), line
