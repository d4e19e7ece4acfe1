"""Writes Mixpanel's raw export of events as packed JSON lines.

From the canonical tables: events. File: `mixpanel_events.jsonl.gz`. `properties.time` is `occurred_at` in whole
seconds, `mp_processing_time_ms` is `recorded_at`; the account is the property `company`; `$insert_id` is the key, the
same for an event sent twice. Page views and clicks have Mixpanel's names (NAMES), screens of apps are
`screen_viewed`, the others are those of product_events.event_kinds.

With `zone`, the project is older than 2023: `time` then counts the seconds of the clock of that zone as if it were
UTC.

Noise that must not come back: `$identify` events, page views of visitors who never logged in. Before the login,
`distinct_id` is `$device:` and the id of the device, and there is no company; `$identify` tells who it was.

What cannot come back: parts of a second of `occurred_at`, parts of a millisecond of `recorded_at`, and `session_id`.
With `zone`, also which of two hours it was when summer time ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from tests.features.connectors.company import product_events
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, dumped, uuid_of, write_lines
from tests.features.connectors.company.product_events import LIBRARY_VERSIONS, Sent, identifies, sent

FILE = "mixpanel_events.jsonl.gz"
NAMES = {
    "page_view": "$mp_web_page_view", "click": "$mp_click", "rage_click": "$mp_rage_click",
    "dead_click": "$mp_dead_click",
}  # fmt: skip
SCREEN = "screen_viewed"
LIBRARIES = {"web": "web", "ios": "swift", "android": "android"}


def write(company: Company, folder: Path, *, zone: str | None = None) -> None:
    """Write the export; `zone`: that of a project which is older than 2023."""
    lines = [*_lines(company, zone), *_identify_lines(company, zone)]
    write_lines(folder / FILE, (line for _, line in sorted(lines)))


def expected_events(company: Company) -> pd.DataFrame:
    """Return product_events.expected_events as Mixpanel can tell them: seconds, no session, Mixpanel's ids."""
    events = product_events.expected_events(company)
    events["occurred_at"] = events["occurred_at"].dt.floor("s")
    events["recorded_at"] = events["recorded_at"].dt.floor("ms")
    events["event_id"] = [insert_id(each) for each in events["event_id"]]
    return events.drop(columns="session_id")


def insert_id(event_id: str) -> str:
    """Return Mixpanel's key of a canonical event id."""
    return uuid_of(event_id).replace("-", "")


def event_name(row: Sent) -> str:
    """Return Mixpanel's name of an event, or the one that the product sends."""
    if row.kind == "page_view" and row.platform != "web":
        return SCREEN
    own = None if row.name == "banner" else NAMES.get(row.kind)
    return own or str(row.event)


def _lines(company: Company, zone: str | None) -> Iterator[tuple[int, str]]:
    for row in sent(company):
        properties = _common(insert_id(row.id), row.occurred, row.recorded, row.platform, zone)
        device = row.anonymous or uuid_of(f"device {row.user}")
        properties["$device_id"] = device
        properties["distinct_id"] = f"$device:{device}" if row.anonymous else row.user
        if not row.anonymous:
            properties |= {"$user_id": row.user, "company": row.account}
        if row.page is not None and row.platform == "web":
            properties |= {"current_url_path": f"/{row.page}", "$current_url": f"https://app.rivertide.com/{row.page}"}
        elif row.page is not None:
            properties["screen"] = row.page
        if row.kind == "web_vital":
            properties |= {"metric": row.name, "value": row.value}
        if row.duration_ms is not None:
            properties["duration_ms"] = row.duration_ms
        yield row.recorded, dumped({"event": event_name(row), "properties": properties})


def _identify_lines(company: Company, zone: str | None) -> Iterator[tuple[int, str]]:
    for row in identifies(company).itertuples():
        occurred, recorded = (time.as_unit("us").value // 1000 for time in (row.occurred_at, row.recorded_at))
        properties = _common(insert_id(f"identify {row.event_id}"), occurred, recorded, "web", zone)
        properties |= {
            "distinct_id": row.user_id, "$user_id": row.user_id, "$device_id": row.anonymous_id,
            "$identified_id": row.user_id, "$anon_id": f"$device:{row.anonymous_id}",
        }  # fmt: skip
        yield recorded, dumped({"event": "$identify", "properties": properties})


def _common(key: str, occurred: int, recorded: int, platform: str, zone: str | None) -> Json:
    seconds = occurred // 1_000_000
    if zone is not None:
        clock = datetime.fromtimestamp(seconds, ZoneInfo(zone))
        seconds = int(clock.replace(tzinfo=UTC).timestamp())
    return {
        "time": seconds, "$insert_id": key, "mp_processing_time_ms": recorded // 1000, "mp_lib": LIBRARIES[platform],
        "$lib_version": LIBRARY_VERSIONS[platform], "mp_country_code": "DE",
    }  # fmt: skip
