"""Writes PostHog's batch export of events: packed JSON lines, one file per month of receipt.

From the canonical tables: events. Files: `posthog_events-2023-01.jsonl.gz` and so on. `timestamp` is `occurred_at`,
`created_at` is `recorded_at`, both to the microsecond; the account is the group `company`; the session is
`$session_id`; durations and values are the properties `duration_ms` and `value`, a web vital is
`$web_vitals_LCP_value`. Events without a name of PostHog's have those of product_events (`event_kinds`).

Noise that must not come back: `$identify`, `$groupidentify`, `$set`, `$feature_flag_called`, `$web_vitals` without a
value, page views of visitors who never logged in. Before the login, a page view has an anonymous `distinct_id`, another
`person_id` and no group; `$identify` with `$anon_distinct_id` tells who it was. Repeated events have one `uuid`; the
events of the uptime monitor and of an unknown account are there, too.

What cannot come back: `definition` (it is the library's version), and which of `duration_ms` and `load_ms` an app sent.
One event in ten with a web vital also carries INP, CLS and FCP, which the canonical table does not have
(`expected_vitals_beside`). The id of a row is the `uuid`, of a web vital `<uuid>:LCP`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import product_events
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, dumped, uuid_of, write_lines
from tests.features.connectors.company.product_events import LIBRARY_VERSIONS, identifies, iso, tracked, visitors

OWN = {"rage_click": "$rageclick", "dead_click": "$dead_click", "web_vital": "$web_vitals"}
EXCEPTIONS = {"error": "error", "crash": "fatal"}  # kind -> level of $exception
LIBRARIES = {"web": "web", "ios": "posthog-ios", "android": "posthog-android"}
BESIDE = {"INP": (40, 400), "CLS": (0.0, 0.3), "FCP": (300, 2000)}  # vitals that LCP may bring along, and their range
HOST = "https://app.rivertide.com"


def write(company: Company, folder: Path) -> None:
    """Write the export."""
    by_month: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for created, line in [*_product_lines(company), *_noise_lines(company)]:
        by_month[created[:7]].append((created, line))
    for month, found in by_month.items():
        found.sort(key=lambda each: each[0])
        write_lines(folder / f"posthog_events-{month}.jsonl.gz", (line for _, line in found))


def expected_events(company: Company) -> pd.DataFrame:
    """Return product_events.expected_events under PostHog's ids; only those names are sent that PostHog lacks."""
    events = product_events.expected_events(company)
    suffix = events["kind"].map({"web_vital": ":LCP"}).fillna("")
    events["event_id"] = pd.Series([uuid_of(each) for each in events["event_id"]], events.index) + suffix
    events["event"] = [
        event_name(*row)
        for row in zip(events["kind"], events["name"], events["event"], events["platform"], strict=True)
    ]
    return events


def expected_vitals_beside(company: Company) -> pd.DataFrame:
    """Return the web vitals that came along with LCP: rows to add to `expected_events`."""
    vitals = product_events.expected_events(company).query("kind == 'web_vital'")
    rows = [
        row._asdict() | {"event_id": f"{uuid_of(row.event_id)}:{name}", "name": name, "value": value,
                         "event": "$web_vitals"}
        for row in vitals.itertuples(index=False)
        for name, value in vitals_beside(company, row.event_id).items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(vitals))


def vitals_beside(company: Company, event_id: str) -> dict[str, float]:
    """Return the web vitals that an event carries beside LCP; for nine of ten none."""
    share = int(uuid_of(f"{company.seed} vitals {event_id}")[:6], 16) / 16**6
    if share > 0.1:
        return {}
    return {name: round(low + (high - low) * share * 10, 3) for name, (low, high) in BESIDE.items()}


def event_name(kind: str, name: str, own: str, platform: str) -> str:
    """Return PostHog's name of an event, or the one that the product sends."""
    if kind == "page_view":
        return "$pageview" if platform == "web" else "$screen"
    if kind == "click" and name != "banner":
        return "$autocapture"
    return "$exception" if kind in EXCEPTIONS else OWN.get(kind, own)


def _product_lines(company: Company) -> Iterator[tuple[str, str]]:
    """Yield the time of receipt and the line of each event of the product."""
    events = tracked(company)
    columns = ("event_id", "account_id", "user_id", "session_id", "kind", "name", "platform", "duration_ms", "value",
               "event", "anonymous_id")  # fmt: skip
    values = (events[name].astype(object).where(events[name].notna(), None).tolist() for name in columns)
    known: dict[str, str] = {}
    for created, occurred, *row in zip(iso(events["recorded_at"]), iso(events["occurred_at"]), *values, strict=True):
        id_, account, user, session, kind, name, platform, duration, value, own, anonymous = row
        properties = _common(platform, session, known)
        page = name if kind in ("page_view", "click", "error", "crash", "rage_click", "dead_click") else None
        if page is not None and platform == "web":
            properties |= {"$current_url": f"{HOST}/{page}?ref=menu", "$pathname": f"/{page}", "$host": HOST[8:]}
        elif page is not None:
            properties["$screen_name"] = page
        if anonymous is None:
            properties["$groups"] = {"company": account}
        if kind == "web_vital":
            measured = {name: value, **vitals_beside(company, id_)}
            properties |= {f"$web_vitals_{vital}_value": number for vital, number in measured.items()}
        elif kind in EXCEPTIONS:
            properties |= {"$exception_level": EXCEPTIONS[kind], "$exception_types": ["TypeError"]}
        elif kind == "click" and name != "banner":
            properties["$event_type"] = "click"
        if duration is not None:
            properties["duration_ms"] = duration
        person = anonymous or user
        event = event_name(kind, name, own, platform)
        yield created, _line(uuid_of(id_), event, occurred, created, person, properties, known)


def _common(platform: str, session: str, known: dict[str, str]) -> Json:
    """Return the properties that every event has."""
    if session not in known:
        known[session] = uuid_of(session)
    return {"$lib": LIBRARIES[platform], "$lib_version": LIBRARY_VERSIONS[platform], "$session_id": known[session]}


def _line(
    uuid: str, event: str, occurred: str, created: str, person: str, properties: Json, known: dict[str, str]
) -> str:
    if person not in known:
        known[person] = uuid_of(f"person {person}")
    return dumped(
        {
            "uuid": uuid, "event": event, "timestamp": f"{occurred}+00:00", "created_at": f"{created}+00:00",
            "distinct_id": person, "person_id": known[person], "team_id": 2, "properties": properties,
        }
    )  # fmt: skip


def _noise_lines(company: Company) -> Iterator[tuple[str, str]]:
    """Yield identify calls, visitors, flags that were looked at, persons and groups that were set, empty vitals."""
    known: dict[str, str] = {}
    calls = identifies(company)
    times = iso(calls["recorded_at"]), iso(calls["occurred_at"])
    for created, occurred, row in zip(*times, calls.itertuples(), strict=True):
        properties = _common("web", row.session_id, known)
        identify = {"$anon_distinct_id": row.anonymous_id, "$set": {"email": company.email_of[row.user_id]}}
        id_ = f"identify {row.event_id}"
        yield created, _line(uuid_of(id_), "$identify", occurred, created, row.user_id, properties | identify, known)
        more = {"$groups": {"company": row.account_id}}
        for number, (name, extra) in enumerate(OTHERS.items()):
            if (row.Index + number) % 4 == 0:
                uuid = uuid_of(f"{name} {row.event_id}")
                yield created, _line(uuid, name, occurred, created, row.user_id, properties | more | extra, known)
    strangers = visitors(company)
    times = iso(strangers["recorded_at"]), iso(strangers["occurred_at"])
    for created, occurred, row in zip(*times, strangers.itertuples(), strict=True):
        properties = _common("web", row.session_id, known)
        properties |= {"$current_url": "https://www.rivertide.com/pricing", "$pathname": "/pricing"}
        yield created, _line(uuid_of(row.event_id), "$pageview", occurred, created, row.anonymous_id, properties, known)


OTHERS: dict[str, Json] = {
    "$feature_flag_called": {"$feature_flag": "new-menu", "$feature_flag_response": True},
    "$set": {"$set": {"plan": "team"}},
    "$groupidentify": {"$group_type": "company", "$group_set": {"name": "a company"}},
    "$web_vitals": {},
}
