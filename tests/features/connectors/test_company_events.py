"""The events in each analytics vendor's form are the company's: a plain reader per vendor finds the expected rows.

Each reader says who and which account an event is of where the vendor says so; where it does not, the identify calls
and the membership of that day tell, as in any connector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.features.connectors.company import amplitude, ga4, mixpanel, posthog, product_events, segment
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.read_back import assert_same, lines, naive, table

Written = Callable[..., Path]
Read = tuple[list[Any], dict[str, tuple[str, pd.Timestamp]]]  # rows; device -> user, and when that was received
KINDS = product_events.event_kinds().set_index("event")["kind"].to_dict()


def resolved(company: Company, read: Read) -> pd.DataFrame:
    """Return the rows of customers that are valid, each id once, with the person and account of those before login."""
    rows, calls = read
    users = company.users.set_index("user_id")
    found = {}
    for row in rows:
        if row["user_id"] is None and row["device"] in calls:
            row["user_id"], known = calls[row["device"]]
            row["recorded_at"] = max(row["recorded_at"], known)
        if row["account_id"] is None and row["user_id"] is not None:
            member = users.loc[row["user_id"]]
            assert member["joined_at"] <= row["occurred_at"] and not member["left_at"] <= row["occurred_at"]
            row["account_id"] = member["account_id"]
        is_valid = row["occurred_at"] >= company.first_day and not (row["duration_ms"] or 0) < 0
        if is_valid and row["account_id"] in company.account_ids:
            found[row["event_id"]] = row
    columns = ["duration_ms", "value"]
    return pd.DataFrame(list(found.values())).drop(columns="device").astype(dict.fromkeys(columns, float))


# --- PostHog ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def captured(written: Written) -> list[Any]:
    return [row for path in sorted(written(posthog).glob("posthog_events-*.jsonl.gz")) for row in lines(path)]


def read_posthog(rows: list[Any]) -> Read:
    own = {
        "$pageview": "page_view", "$screen": "page_view", "$autocapture": "click", "$rageclick": "rage_click",
        "$dead_click": "dead_click", "$web_vitals": "web_vital", "$exception": "error",
    }  # fmt: skip
    calls, found = {}, []
    for row in rows:
        properties, kind = row["properties"], own.get(row["event"]) or KINDS.get(row["event"])
        if row["event"] == "$identify":
            calls[properties["$anon_distinct_id"]] = row["distinct_id"], naive(row["created_at"])
        is_fatal = properties.get("$exception_level") == "fatal"
        vitals = [name for name in ("LCP", "INP", "CLS", "FCP") if f"$web_vitals_{name}_value" in properties]
        if kind is None or (kind == "web_vital" and not vitals):
            continue
        account = properties.get("$groups", {}).get("company")
        for vital in vitals or [""]:
            found.append(
                {
                    "event_id": row["uuid"] + (f":{vital}" if vital else ""),
                    "account_id": account,
                    "user_id": row["distinct_id"] if account else None,
                    "device": row["distinct_id"],
                    "occurred_at": naive(row["timestamp"]),
                    "recorded_at": naive(row["created_at"]),
                    "kind": "crash" if is_fatal else kind,
                    "event": row["event"],
                    "duration_ms": properties.get("duration_ms"),
                    "value": properties.get(f"$web_vitals_{vital}_value"),
                }
            )
    return found, calls


def test_posthogs_batch_export_is_the_events_that_loading_keeps(company: Company, captured: list[Any]) -> None:
    expected = pd.concat([posthog.expected_events(company), posthog.expected_vitals_beside(company)])
    assert_same(resolved(company, read_posthog(captured)), expected, "event_id")
    assert expected["event_id"].is_unique and len(posthog.expected_vitals_beside(company)) > 50
    sessions = {row["uuid"]: row["properties"]["$session_id"] for row in captured}
    expected = expected.assign(found=expected["event_id"].str.split(":").str[0].map(sessions))
    assert expected.groupby("session_id")["found"].nunique().max() == 1


def test_posthogs_batch_export_holds_its_noise(captured: list[Any]) -> None:
    counts = Counter(row["event"] for row in captured)
    assert all(counts[name] for name in ("$identify", "$groupidentify", "$set", "$feature_flag_called"))
    anonymous = [row for row in captured if row["event"] == "$pageview" and "$groups" not in row["properties"]]
    assert 0.05 < len(anonymous) / counts["$pageview"] < 0.2
    known = {row["properties"]["$anon_distinct_id"] for row in captured if row["event"] == "$identify"}
    assert {row["distinct_id"] in known for row in anonymous} == {True, False}
    assert max(Counter(row["uuid"] for row in captured).values()) == 2
    assert any(row["event"] == "$web_vitals" and "LCP" not in str(row) for row in captured)


# --- Segment ---------------------------------------------------------------------------------


def number(text: str | float | None) -> float | None:
    return None if text in ("", None) else float(text)


def read_warehouse(folder: Path) -> Read:
    called = table(folder / "segment_identifies.csv")
    calls = {row["anonymous_id"]: (row["user_id"], naive(row["received_at"])) for row in called}
    found = []
    for path in sorted(folder.glob("segment_*.csv")):
        name = path.stem.removeprefix("segment_")
        kind = "page_view" if name in ("pages", "screens") else KINDS.get(name)
        found += [
            {
                "event_id": row["id"],
                "account_id": row["context_group_id"] or None,
                "user_id": row["user_id"] or None,
                "device": row["anonymous_id"],
                "occurred_at": naive(row["timestamp"]),
                "recorded_at": naive(row["received_at"]),
                "kind": kind,
                "duration_ms": number(row["duration_ms"]),
                "value": number(row.get("value")),
            }
            for row in (table(path) if kind else [])
        ]
    return found, calls


def read_messages(folder: Path) -> Read:
    calls, found = {}, []
    for row in lines(folder / "segment_messages.jsonl.gz"):
        if row["type"] == "identify":
            calls[row["anonymousId"]] = row["userId"], naive(row["receivedAt"])
            continue
        found.append(
            {
                "event_id": row["messageId"],
                "account_id": row["context"].get("groupId"),
                "user_id": row["userId"],
                "device": row["anonymousId"],
                "occurred_at": naive(row["timestamp"]),
                "recorded_at": naive(row["receivedAt"]),
                "kind": KINDS[row["event"]] if row["type"] == "track" else "page_view",
                "duration_ms": row["properties"].get("duration_ms"),
                "value": row["properties"].get("value"),
            }
        )
    return found, calls


def test_segments_tables_and_messages_are_the_events_to_the_millisecond(company: Company, written: Written) -> None:
    expected = segment.expected_events(company)
    assert_same(resolved(company, read_warehouse(written(segment))), expected, "event_id")
    assert_same(resolved(company, read_messages(written(segment, raw=True))), expected, "event_id")


def test_segments_table_of_tracks_holds_each_tracked_event(written: Written) -> None:
    folder = written(segment)
    tracks = Counter(row["event"] for row in table(folder / "segment_tracks.csv"))
    assert tracks == {event: len(table(folder / f"segment_{event}.csv")) for event in tracks}
    pages = table(folder / "segment_pages.csv")
    assert any(row["sent_at"] > row["received_at"] for row in pages), "clocks that are wrong"
    assert 0.05 < sum(not row["user_id"] for row in pages) / len(pages) < 0.2


# --- Amplitude, Mixpanel, Google Analytics ---------------------------------------------------


def read_amplitude(rows: list[Any]) -> Read:
    own = {name: kind for kind, name in amplitude.NAMES.items()} | {amplitude.SCREEN: "page_view"}
    calls = {
        row["device_id"]: (row["user_id"], naive(row["server_received_time"]))
        for row in rows
        if row["event_type"] == "$identify"
    }
    found = [
        {
            "event_id": row["$insert_id"],
            "account_id": row["groups"].get("company", [None])[0],
            "user_id": row["user_id"],
            "device": row["device_id"],
            "occurred_at": naive(row["event_time"]),
            "recorded_at": naive(row["server_received_time"]),
            "kind": own.get(row["event_type"]) or KINDS[row["event_type"]],
            "duration_ms": row["event_properties"].get("duration_ms"),
            "value": row["event_properties"].get("value"),
        }
        for row in rows
        if row["event_type"] not in ("$identify", "session_start")
    ]
    return found, calls


def test_amplitudes_export_is_the_events(company: Company, written: Written) -> None:
    rows = [row for path in sorted(written(amplitude).glob("amplitude_events-*.json.gz")) for row in lines(path)]
    expected = amplitude.expected_events(company)
    assert_same(resolved(company, read_amplitude(rows)), expected, "event_id")
    sessions = {row["$insert_id"]: row["session_id"] for row in rows}
    found = expected["event_id"].map(sessions)
    assert ((found == -1) == expected["session_id"].isna()).all() and (found == -1).any()
    assert found[found != -1].groupby(expected["session_id"]).nunique().max() == 1


def read_mixpanel(rows: list[Any], at: Callable[[int], pd.Timestamp]) -> Read:
    own = {name: kind for kind, name in mixpanel.NAMES.items()} | {mixpanel.SCREEN: "page_view"}
    calls, found = {}, []
    for row in rows:
        properties = row["properties"]
        received = pd.Timestamp(properties["mp_processing_time_ms"], unit="ms")
        if row["event"] == "$identify":
            calls[properties["$device_id"]] = properties["$user_id"], received
            continue
        found.append(
            {
                "event_id": properties["$insert_id"],
                "account_id": properties.get("company"),
                "user_id": properties.get("$user_id"),
                "device": properties["distinct_id"].removeprefix("$device:"),
                "occurred_at": at(properties["time"]),
                "recorded_at": received,
                "kind": own.get(row["event"]) or KINDS[row["event"]],
                "duration_ms": properties.get("duration_ms"),
                "value": properties.get("value"),
            }
        )
    return found, calls


def test_mixpanels_export_is_the_events_to_the_second(company: Company, written: Written) -> None:
    rows = lines(written(mixpanel) / mixpanel.FILE)
    read = read_mixpanel(rows, lambda seconds: pd.Timestamp(seconds, unit="s"))
    assert_same(resolved(company, read), mixpanel.expected_events(company), "event_id")


def test_an_old_project_of_mixpanel_counts_the_seconds_of_its_zone(company: Company, written: Written) -> None:
    def at(seconds: int) -> pd.Timestamp:
        return pd.Timestamp(seconds, unit="s").tz_localize("US/Pacific").tz_convert("UTC").tz_localize(None)

    rows = lines(written(mixpanel, zone="US/Pacific") / mixpanel.FILE)
    assert_same(resolved(company, read_mixpanel(rows[:2000], at)), first(company, rows[:2000]), "event_id")


def first(company: Company, rows: list[Any]) -> pd.DataFrame:
    """Return the expected events among some of the rows."""
    expected = mixpanel.expected_events(company)
    return expected[expected["event_id"].isin({row["properties"]["$insert_id"] for row in rows})]


def read_ga4(rows: list[Any]) -> Read:
    own = {"page_view": "page_view", "screen_view": "page_view", "exception": "error", "app_exception": "crash"}
    persons = {row["user_pseudo_id"]: (row["user_id"], pd.Timestamp(0)) for row in rows if row["user_id"]}
    found = []
    for count, row in enumerate(rows):
        params = {each["key"]: next(iter(each["value"].values())) for each in row["event_params"]}
        groups = {each["key"]: each["value"]["string_value"] for each in row["user_properties"]}
        kind = own.get(row["event_name"]) or KINDS.get(row["event_name"])
        if kind is not None:
            found.append(
                {
                    "event_id": count,
                    "account_id": groups.get("company_id"),
                    "user_id": row["user_id"],
                    "device": row["user_pseudo_id"],
                    "occurred_at": datetime(1970, 1, 1) + timedelta(microseconds=int(row["event_timestamp"])),
                    "recorded_at": pd.Timestamp(0),
                    "kind": kind,
                    "duration_ms": params.get("duration_ms"),
                    "value": params.get("value"),
                }
            )
    return found, persons


def test_ga4s_export_is_the_events_and_counts_repeats(company: Company, written: Written) -> None:
    rows = [row for path in sorted(written(ga4).glob("ga4_events-*.jsonl.gz")) for row in lines(path)]
    found = resolved(company, read_ga4(rows)).drop(columns=["event_id", "recorded_at"])
    assert_same(found, ga4.expected_events(company), ["occurred_at", "kind", "user_id", "duration_ms"])
    assert len(found) > len(company.valid_events)
    days = [(row["event_date"], f"{pd.Timestamp(int(row['event_timestamp']), unit='us'):%Y%m%d}") for row in rows]
    assert any(day != utc for day, utc in days), "event_date is in the property's zone"


# --- all -------------------------------------------------------------------------------------


def test_kinds_of_events_are_a_table_of_names(company: Company) -> None:
    kinds = product_events.event_kinds()
    assert kinds["event"].is_unique and set(kinds["kind"]) | {"page_view"} == set(company.valid_events["kind"])


@pytest.mark.parametrize("vendor", [posthog, segment, amplitude, mixpanel, ga4])
def test_the_same_events_write_the_same_bytes(company: Company, written: Written, tmp_path: Path, vendor: Any) -> None:
    vendor.write(replace(company), tmp_path)
    for path in written(vendor).iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
