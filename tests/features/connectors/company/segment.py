"""Writes Segment's warehouse tables as CSV files, or its raw messages as packed JSON lines.

From the canonical tables: events. Files of the warehouse: `segment_identifies.csv`, `segment_pages.csv`,
`segment_screens.csv`, `segment_tracks.csv` (all tracked events, without their properties) and one file per event with
its properties, such as `segment_banner_shown.csv`. Raw, with `raw=True`: `segment_messages.jsonl.gz`. Names and
kinds of the events are product_events.event_kinds; page views are pages (web) and screens (apps).

`timestamp` is `occurred_at` and `received_at` is `recorded_at`, both cut to milliseconds; `context_group_id` is the
account. The clocks of the devices in `sent_at` and `original_timestamp` are wrong by up to two hours in one row of
five. An event that was sent twice has two rows with one id.

What cannot come back: `session_id`, for which Segment has nothing; parts of a millisecond; page views of visitors who
never logged in, which belong to no account. Before the login, a page view has no user and no group; `identifies` tells
who it was, known from when it was received. The number of a web vital and how long a page took are properties.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import product_events
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, uuid_of, write_csv, write_lines
from tests.features.connectors.company.product_events import LIBRARY_VERSIONS, Sent, identifies, iso, sent, text_of

LIBRARIES = {"web": "analytics.js", "ios": "analytics-swift", "android": "analytics-kotlin"}
COMMON = (
    "id", "anonymous_id", "user_id", "received_at", "sent_at", "original_timestamp", "timestamp", "uuid_ts",
    "loaded_at", "context_group_id", "context_library_name", "context_library_version", "context_ip",
)  # fmt: skip
OWN = {  # table -> its own columns
    "pages": ("path", "url", "search", "title", "duration_ms"),
    "screens": ("name", "duration_ms"),
    "tracks": ("event", "event_text"),
}
PROPERTIES = ("event", "event_text", "page", "metric", "value", "duration_ms")  # of a table of one event


def write(company: Company, folder: Path, *, raw: bool = False) -> None:
    """Write the tables of the warehouse or, with `raw`, the messages."""
    rows = [*_rows(company), *_identify_rows(company)]
    if raw:
        write_lines(folder / "segment_messages.jsonl.gz", (_message(table, row) for table, row in rows))
        return
    by_table: dict[str, list[Json]] = defaultdict(list)
    for table, row in rows:
        by_table[table].append(row)
        if table not in ("pages", "screens", "identifies"):
            by_table["tracks"].append(row)
    for table, found in by_table.items():
        own = ("email",) if table == "identifies" else OWN.get(table, PROPERTIES)
        write_csv(folder / f"segment_{table}.csv", (*COMMON, *own), found)


def expected_events(company: Company) -> pd.DataFrame:
    """Return product_events.expected_events as Segment can tell them: milliseconds, no session, Segment's ids."""
    events = product_events.expected_events(company)
    for column in ("occurred_at", "recorded_at"):
        events[column] = events[column].dt.floor("ms")
    events["event_id"] = [message_id(each) for each in events["event_id"]]
    return events.drop(columns="session_id")


def message_id(event_id: str) -> str:
    """Return Segment's id of a canonical event id."""
    return f"ajs-next-{uuid_of(event_id).replace('-', '')}"


def _rows(company: Company) -> Iterator[tuple[str, Json]]:
    """Yield the table and the row of each page, screen and tracked event, those of visitors among them."""
    events = list(sent(company))
    device_clocks = company.draw("segment", "clocks").integers(-7_200_000, 7_200_000, len(events)).tolist()
    for number, (row, wrong) in enumerate(zip(events, device_clocks, strict=True)):
        at, received = text_of(row.occurred, "milliseconds"), text_of(row.recorded, "milliseconds")
        on_device = received if number % 5 else text_of(row.recorded + wrong * 1000, "milliseconds")
        common = {
            "id": message_id(row.id), "anonymous_id": row.anonymous or uuid_of(f"device {row.user}"),
            "user_id": None if row.anonymous else row.user, "received_at": received, "sent_at": on_device,
            "original_timestamp": on_device, "timestamp": at, "uuid_ts": received, "loaded_at": received,
            "context_group_id": None if row.anonymous else row.account,
            "context_library_name": LIBRARIES[row.platform],
            "context_library_version": LIBRARY_VERSIONS[row.platform], "context_ip": "203.0.113.7",
        }  # fmt: skip
        yield _table_and_own(row, common)


def _table_and_own(row: Sent, common: Json) -> tuple[str, Json]:
    """Return the table of an event, and its row with the columns of that table."""
    if row.event is not None:
        is_vital, text = row.kind == "web_vital", row.event.replace("_", " ").title()
        own = {"event": row.event, "event_text": text, "page": row.page, "metric": row.name if is_vital else None}
        return row.event, common | own | {"value": row.value, "duration_ms": row.duration_ms}
    if row.platform != "web":
        return "screens", common | {"name": row.name, "duration_ms": row.duration_ms}
    own = {"path": f"/{row.name}", "url": f"https://app.rivertide.com/{row.name}?ref=menu", "search": "?ref=menu"}
    return "pages", common | own | {"title": str(row.name).title(), "duration_ms": row.duration_ms}


def _identify_rows(company: Company) -> Iterator[tuple[str, Json]]:
    calls = identifies(company)
    times = iso(calls["occurred_at"], "ms"), iso(calls["recorded_at"], "ms")
    for row, at, received in zip(calls.itertuples(), *times, strict=True):
        yield "identifies", {
            "id": message_id(f"identify {row.event_id}"), "anonymous_id": row.anonymous_id, "user_id": row.user_id,
            "received_at": received, "sent_at": at, "original_timestamp": at, "timestamp": at, "uuid_ts": received,
            "loaded_at": received, "context_group_id": None, "context_library_name": LIBRARIES["web"],
            "context_library_version": LIBRARY_VERSIONS["web"], "context_ip": "203.0.113.7",
            "email": company.email_of[row.user_id],
        }  # fmt: skip


def _message(table: str, row: Json) -> Json:
    """Return a row as the message that Segment received."""
    kind = {"pages": "page", "screens": "screen", "identifies": "identify"}.get(table, "track")
    library = {"name": row["context_library_name"], "version": row["context_library_version"]}
    context = {"ip": row["context_ip"], "library": library}
    if row["context_group_id"] is not None:
        context["groupId"] = row["context_group_id"]
    left_out = (*COMMON, "event", "event_text")
    own = {name: value for name, value in row.items() if name not in left_out and value is not None}
    message = {
        "messageId": row["id"], "type": kind, "anonymousId": row["anonymous_id"], "userId": row["user_id"],
        "timestamp": f"{row['timestamp']}Z", "receivedAt": f"{row['received_at']}Z", "sentAt": f"{row['sent_at']}Z",
        "originalTimestamp": f"{row['original_timestamp']}Z", "context": context,
    }  # fmt: skip
    if kind == "track":
        message["event"] = row["event"]
    elif kind == "screen":
        message["name"] = own.pop("name")
    return message | ({"traits": own} if kind == "identify" else {"properties": own})
