"""The events of a company as its product sends them to an analytics vendor: vendor-like names, visits before login.

Shared by posthog, segment, amplitude, mixpanel and ga4. The first page view of a quarter of the web sessions comes
before the login: it has an anonymous id and no account, and an identify call tells the person a moment later. Such a
row is known when the call was received, if that was later. Two page views of a hundred are of visitors who never
logged in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import uuid_of

ANONYMOUS_SESSIONS, VISITORS = 0.25, 0.02
LIBRARY_VERSIONS = {"web": "1.96.1", "ios": "3.2.0", "android": "3.1.9"}
TASKS = ("create_report", "import_data", "invite_teammate", "export_file")
FEATURES = ("filters", "exports", "api", "alerts", "comments", "templates", "sharing", "calendar")
EPOCH = datetime(1970, 1, 1)
ON_A_PAGE = ("page_view", "click", "error", "crash", "rage_click", "dead_click")
TIMES = ("occurred_at", "recorded_at")
OWN_NAMES = {  # (kind, name) -> the name under which the product sends it; None: whatever the name is
    ("impression", "banner"): "banner_shown",
    ("click", "banner"): "banner_clicked",
    ("conversion", "add_on"): "add_on_purchased",
    ("login", None): "user_logged_in",
    **{(f"task_{end}", task): f"{task}_{end}" for task in TASKS for end in ("started", "completed", "failed")},
    **{("feature_used", feature): f"{feature}_used" for feature in FEATURES},
    ("click", None): "element_clicked",
    ("error", None): "error_shown",
    ("crash", None): "app_crashed",
    ("rage_click", None): "rage_clicked",
    ("dead_click", None): "dead_clicked",
    ("web_vital", None): "web_vital_measured",
}


def event_kinds() -> pd.DataFrame:
    """Return the kind of each name that the product sends: columns `event`, `kind`, `name` (the canonical one, if any).

    Vendors that have an event of their own for a kind (page views, clicks, errors) use that instead.
    """
    rows = [(event, kind, name) for (kind, name), event in OWN_NAMES.items()]
    return pd.DataFrame(rows, columns=["event", "kind", "name"])


@cache
def tracked(company: Company) -> pd.DataFrame:
    """Return all events as sent, also the repeated and invalid ones, in order of recording.

    Beside the canonical columns: `event` (the name that the product sends, null for page views), and `anonymous_id`
    where the row was sent before the login. `duration_ms` holds `load_ms` where an app sent that instead.
    """
    events = company.tables["events"].copy()
    events["duration_ms"] = events["duration_ms"].fillna(events.pop("load_ms"))
    events["event"] = _own_names(events)
    before = identifies(company).set_index("event_id")["anonymous_id"]
    events["anonymous_id"] = events["event_id"].map(before)
    return events.sort_values("recorded_at", kind="stable").reset_index(drop=True)


def _own_names(events: pd.DataFrame) -> pd.Series:
    pairs = pd.MultiIndex.from_frame(events[["kind", "name"]])
    with_name = {pair: event for pair, event in OWN_NAMES.items() if pair[1]}
    of_kind = {kind: event for (kind, name), event in OWN_NAMES.items() if not name}
    unique = pairs.unique()
    known = {pair: with_name.get(pair, of_kind.get(pair[0])) for pair in unique}
    return pd.Series([known[pair] for pair in pairs], index=events.index, dtype="str")


@cache
def identifies(company: Company) -> pd.DataFrame:
    """Return an identify call per visit before login: who it is, when called and received, and the page view's id."""
    events, draw = company.tables["events"], company.draw("events", "identify")
    views = events[(events["kind"] == "page_view") & (events["platform"] == "web")]
    views = views[views["account_id"].isin(company.account_ids) & (views["occurred_at"] >= company.first_day)]
    views = views[~views["event_id"].str.startswith("E-X")].drop_duplicates("event_id")
    views = views.sort_values(["session_id", "occurred_at"]).drop_duplicates("session_id")
    views = views[np.array(company.chances(len(views), "events", "anonymous")) < ANONYMOUS_SESSIONS]
    views = views.merge(company.users[["user_id", "joined_at", "left_at"]], on="user_id")
    is_member = (views["joined_at"] <= views["occurred_at"]) & ~(views["left_at"] <= views["occurred_at"])
    views = views[is_member].drop(columns=["joined_at", "left_at"])
    wait = pd.to_timedelta(draw.integers(2, 90, len(views)) * 1_000_000, unit="us").as_unit("us")
    delay = views["recorded_at"] - views["occurred_at"] + pd.to_timedelta(draw.integers(0, 60, len(views)), unit="s")
    views = views.assign(
        anonymous_id=[uuid_of(f"device {each}") for each in views["session_id"]],
        occurred_at=views["occurred_at"] + wait,
        recorded_at=(views["occurred_at"] + wait + delay).astype("datetime64[us]"),
    )
    columns = ["event_id", "anonymous_id", "user_id", "account_id", "session_id", "occurred_at", "recorded_at"]
    return views.loc[views["recorded_at"] < company.end, columns].reset_index(drop=True)


@cache
def visitors(company: Company) -> pd.DataFrame:
    """Return page views of visitors of the website who never logged in: event and anonymous id, and times."""
    events = company.tables["events"]
    views = events[(events["kind"] == "page_view") & (events["occurred_at"] >= company.first_day)]
    chosen = views[np.array(company.chances(len(views), "events", "visitors")) < VISITORS]
    return pd.DataFrame(
        {
            "event_id": "W" + chosen["event_id"],
            "anonymous_id": [uuid_of(f"visitor {each}") for each in chosen["event_id"]],
            "session_id": "W" + chosen["session_id"],
            "occurred_at": chosen["occurred_at"],
            "recorded_at": chosen["recorded_at"],
        }
    ).reset_index(drop=True)


class Sent(NamedTuple):
    """An event as sent, the times in microseconds since 1970; what it has not is None.

    `anonymous`: the id of the device where nobody had logged in; then `account` and `user` are what only the company
    knows. `page`: the page on which it happened. `event`: the name that the product sends, None for page views.
    """

    id: str
    account: str
    user: str
    session: str
    occurred: int
    recorded: int
    kind: str
    name: str | None
    platform: str
    duration_ms: float | None
    value: float | None
    event: str | None
    anonymous: str | None

    @property
    def page(self) -> str | None:
        """Return the page on which it happened, for the kinds that have one."""
        return self.name if self.kind in ON_A_PAGE and self.name != "banner" else None


def sent(company: Company) -> Iterator[Sent]:
    """Yield all events of `tracked`, and those of `visitors`, in order of recording."""
    strangers = visitors(company).assign(kind="page_view", name="pricing", platform="web")
    events = pd.concat([tracked(company), strangers]).sort_values("recorded_at", kind="stable")
    micros = {name: events[name].to_numpy().astype("datetime64[us]").astype(np.int64).tolist() for name in TIMES}
    names = ("event_id", "account_id", "user_id", "session_id", *TIMES, "kind", "name", "platform", "duration_ms",
             "value", "event", "anonymous_id")  # fmt: skip
    columns = (
        micros[name] if name in micros else events[name].astype(object).where(events[name].notna(), None).tolist()
        for name in names
    )
    return map(Sent._make, zip(*columns, strict=True))


@cache
def session_begins(company: Company) -> dict[str, int]:
    """Return the time of the first event of each session, in microseconds since 1970."""
    events = pd.concat([tracked(company), visitors(company)])
    events = events[events["occurred_at"] >= company.first_day]
    begins = events.groupby("session_id")["occurred_at"].min()
    return dict(zip(begins.index, begins.to_numpy().astype("datetime64[us]").astype(np.int64).tolist(), strict=True))


def expected_events(company: Company) -> pd.DataFrame:
    """Return the canonical events that loading keeps, as a vendor with sessions and microseconds can tell them.

    A page view before the login is known when the identify call was received, if that was later. Beside the canonical
    columns (`definition`: the version of the library), the rows have `event`, the name that the product sends: a
    connector may give that as the name, and of a page view the path "/" + name.
    """
    events, calls = company.valid_events.copy(), identifies(company).set_index("event_id")
    known = events["event_id"].map(calls["recorded_at"])
    events["recorded_at"] = events["recorded_at"].where(~(known > events["recorded_at"]), known)
    events["definition"] = events["platform"].map(LIBRARY_VERSIONS)
    events["event"] = _own_names(events)
    return events


def text_of(micros: int, unit: str = "microseconds", between: str = "T") -> str:
    """Return microseconds since 1970 as a text, such as 2023-01-01T08:00:00.123456, cut to a unit."""
    return (EPOCH + timedelta(microseconds=micros)).isoformat(between, unit)


def iso(times: pd.Series, unit: str = "us") -> list[str]:
    """Return times as texts, such as 2023-01-01T08:00:00.123456, cut to a unit."""
    return np.datetime_as_string(times.to_numpy().astype(f"datetime64[{unit}]"), unit=unit).tolist()
