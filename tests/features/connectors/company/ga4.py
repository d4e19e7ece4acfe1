"""Writes the BigQuery export of Google Analytics 4 as packed JSON lines, one file per month.

From the canonical tables: events. Files: `ga4_events-2023-01.jsonl.gz` and so on. `event_timestamp` is `occurred_at`
in microseconds, as a text; `event_params` is a list of keys and typed values; the account is the user property
`company_id`; a session is `user_pseudo_id` and the parameter `ga_session_id`. Page views, errors and crashes have the
names of Google (NAMES), the others those of product_events.event_kinds.

`event_date` is the day in the property's zone (PROPERTY_ZONE), a trap. Noise that must not come back: `session_start`,
`first_visit`, `user_engagement`, and page views of visitors who never logged in. Before the login there is no
`user_id`; other events of the same `user_pseudo_id`, which is one device's, tell who it was.

What cannot come back: `recorded_at`, as nothing tells when an event was received; `event_id`. An event that was sent
twice comes in two batches and counts twice.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from tests.features.connectors.company import product_events
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, dumped, uuid_of, write_lines
from tests.features.connectors.company.product_events import Sent, sent, session_begins, text_of

PROPERTY_ZONE = "America/Los_Angeles"
NAMES = {"page_view": "page_view", "error": "exception", "crash": "app_exception"}
OTHERS = ("session_start", "first_visit", "user_engagement")
PLATFORMS = {"web": "WEB", "ios": "IOS", "android": "ANDROID"}


def write(company: Company, folder: Path) -> None:
    """Write the export."""
    begins, begun = session_begins(company), set[str]()
    by_month: dict[str, list[str]] = defaultdict(list)
    for number, row in enumerate(sent(company)):
        month = text_of(row.occurred)[:7]
        if row.session not in begun:
            begun.add(row.session)
            by_month[month].append(_line(row, number, begins, OTHERS[number % len(OTHERS)], {}))
        by_month[month].append(_line(row, number, begins, event_name(row), _params(row)))
    for month, lines in by_month.items():
        write_lines(folder / f"ga4_events-{month}.jsonl.gz", lines)


def event_name(row: Sent) -> str:
    """Return Google's name of an event, or the one that the product sends."""
    if row.kind == "page_view" and row.platform != "web":
        return "screen_view"
    return NAMES.get(row.kind) or str(row.event)


def expected_events(company: Company) -> pd.DataFrame:
    """Return product_events.expected_events as Google Analytics can tell them: repeats counted, nothing received."""
    events = product_events.expected_events(company)
    sent_ids = company.tables["events"]["event_id"]
    repeated = events[events["event_id"].isin(sent_ids[sent_ids.duplicated()])]
    return pd.concat([events, repeated], ignore_index=True).drop(columns=["recorded_at", "event_id", "definition"])


def _params(row: Sent) -> Json:
    params: Json = {}
    if row.page is not None and row.platform == "web":
        params |= {"page_location": f"https://app.rivertide.com/{row.page}?ref=menu", "page_title": row.page.title()}
    elif row.page is not None:
        params["firebase_screen"] = row.page
    if row.kind == "web_vital":
        params |= {"metric_name": row.name, "value": row.value}
    if row.kind in ("error", "crash"):
        params["fatal"] = int(row.kind == "crash")
    if row.duration_ms is not None:
        params["duration_ms"] = row.duration_ms
    return params


def _line(row: Sent, number: int, begins: dict[str, int], name: str, params: Json) -> str:
    device = row.user or row.anonymous
    own = params | {"ga_session_id": begins[row.session] // 1_000_000, "ga_session_number": 1}
    company = [] if row.anonymous else [{"key": "company_id", "value": {"string_value": row.account}}]
    return dumped(
        {
            "event_date": _day_in_zone(row.occurred // 3_600_000_000),
            "event_timestamp": str(row.occurred), "event_name": name,
            "event_params": [{"key": key, "value": _typed(value)} for key, value in own.items()],
            "user_id": None if row.anonymous else row.user, "user_properties": company,
            "user_pseudo_id": f"{int(uuid_of(f'pseudo {device}')[:8], 16)}.1672531200",
            "platform": PLATFORMS[row.platform], "stream_id": "4711", "batch_page_id": str(row.recorded),
            "batch_ordering_id": str(number), "batch_event_index": "1", "is_active_user": True,
        }
    )  # fmt: skip


@cache
def _day_in_zone(hours: int) -> str:
    """Return the day in the property's zone of an hour since 1970."""
    return datetime.fromtimestamp(hours * 3600, ZoneInfo(PROPERTY_ZONE)).strftime("%Y%m%d")


def _typed(value: object) -> Json:
    """Return a parameter's value as the export types it; whole numbers are texts, as JSON from BigQuery has them."""
    if isinstance(value, str):
        return {"string_value": value}
    return {"int_value": str(value)} if isinstance(value, int) else {"double_value": value}
