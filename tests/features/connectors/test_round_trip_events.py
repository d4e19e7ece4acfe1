"""Events of a simulated company in the forms of Segment, Amplitude, Mixpanel and Google Analytics come back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import read_csv

from tests.features.connectors.company import (
    amplitude,
    delighted,
    ga4,
    hubspot,
    intercom,
    mixpanel,
    posthog,
    product_database,
    product_events,
    qualtrics,
    salesforce,
    segment,
    stripe,
    stripe_api,
    stripe_fivetran,
    zendesk,
    zendesk_fivetran,
)
from tests.features.connectors.company.company import Company
from tests.features.connectors.conftest import Written
from tests.features.connectors.round_trip import Loaded, assert_same, make_project, rows_of
from undertow.features.connectors.kit.look import look
from undertow.features.connectors.kit.manifest import chosen_connectors
from undertow.features.connectors.kit.recognise import Seen, recognise
from undertow.features.settings import load_settings
from undertow.features.sources.files.opened import opened_sources

OWN = product_events.event_kinds().dropna(subset="name").set_index("event")["name"]
COLUMNS = ("account_id", "user_id", "occurred_at", "recorded_at", "kind", "platform", "duration_ms", "value",
           "definition")  # fmt: skip
ZONE = "US/Pacific"


def assert_names(got: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Fail where a page view has not its path or screen, a web vital not its measure, an event of one's own another."""
    both = got.merge(expected, on="event_id", suffixes=("", "_given"))
    views = both[both["kind"] == "page_view"]
    is_web = views["platform"] == "web"
    assert (views["name"] == views["name_given"].where(~is_web, "/" + views["name_given"])).all()
    vitals = both[both["kind"] == "web_vital"]
    assert (vitals["name"] == vitals["name_given"]).all()
    own = both[both["event"].isin(OWN.index)]
    assert (own["name"] == own["event"].map(OWN)).all()
    assert len(views) and len(vitals) and len(own)


@pytest.mark.parametrize("is_raw", [False, True], ids=["warehouse", "raw"])
def test_events_of_segment_come_back_to_the_millisecond(loaded: Loaded, company: Company, is_raw: bool) -> None:
    got = rows_of(loaded(hubspot, product_database, (segment, {"raw": is_raw})), "events")
    expected = segment.expected_events(company)
    assert_same(got, expected, ["event_id"], COLUMNS)
    assert_names(got, expected)
    assert got["session_id"].notna().all()


def test_events_of_amplitude_come_back_with_their_sessions(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, product_database, amplitude), "events")
    expected = amplitude.expected_events(company)
    assert_same(got, expected, ["event_id"], COLUMNS)
    assert_names(got, expected)
    both = got.merge(expected[["event_id", "session_id"]], on="event_id", suffixes=("", "_given"))
    assert (both["session_id"].isna() == both["session_id_given"].isna()).all()
    pairs = both[["session_id", "session_id_given"]].dropna().drop_duplicates()
    assert pairs["session_id"].is_unique
    assert pairs["session_id_given"].is_unique


def test_events_of_mixpanel_come_back_to_the_second(loaded: Loaded, company: Company) -> None:
    got = rows_of(loaded(hubspot, product_database, mixpanel), "events")
    expected = mixpanel.expected_events(company)
    assert_same(got, expected, ["event_id"], COLUMNS)
    assert_names(got, expected)


def test_events_of_an_old_project_of_mixpanel_come_back_in_its_zone(loaded: Loaded, company: Company) -> None:
    export = (mixpanel, {"zone": ZONE})
    got = rows_of(loaded(hubspot, product_database, export, mixpanel_zone=ZONE), "events")
    expected = mixpanel.expected_events(company)
    twice = expected["occurred_at"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)
    is_known = twice.dt.tz_localize(ZONE, ambiguous="NaT").notna()  # not the hour that comes twice in autumn
    kept = set(expected.loc[is_known, "event_id"])
    assert len(kept) > 0.99 * len(expected)
    assert_same(got[got["event_id"].isin(kept)], expected[is_known], ["event_id"], COLUMNS)


def test_events_of_google_analytics_come_back_three_days_later_and_repeats_twice(
    loaded: Loaded, company: Company
) -> None:
    got, expected = rows_of(loaded(hubspot, product_database, ga4), "events"), ga4.expected_events(company)
    key = ["occurred_at", "kind", "user_id", "duration_ms", "value"]
    got, expected = (
        rows.fillna({"duration_ms": -1.0, "value": -1.0}).sort_values([*key, "name"]) for rows in (got, expected)
    )
    assert_same(got, expected, key, ("account_id", "platform"))
    assert len(got) > len(company.valid_events)
    late = got["recorded_at"] - got["occurred_at"]
    assert (late >= pd.Timedelta(days=3)).all()
    assert 0.8 < (late == pd.Timedelta(days=3)).mean() < 1
    sessions = pd.DataFrame({"got": got["session_id"].to_numpy(), "given": expected["session_id"].to_numpy()})
    assert (sessions["got"].isna() == sessions["given"].isna()).all()
    pairs = sessions.dropna().drop_duplicates()
    assert pairs["got"].is_unique
    assert pairs["given"].is_unique
    assert_names(*(rows.assign(event_id=range(len(rows))) for rows in (got, expected)))


# --- small files by hand -----------------------------------------------------------------------------

COMPANIES = "Record ID,Company name,Create Date,account_id\n1,One,2024-01-01 00:00,A-1\n2,Two,2024-01-01 00:00,A-2\n"
USERS = "user_id,account_id,joined_at,email\nu1,A-1,2024-01-01,u@one.com\nu2,A-2,2024-01-01,v@two.com\n"
COMMON = "id,anonymous_id,user_id,received_at,sent_at,original_timestamp,timestamp,context_group_id,_fivetran_synced"
WRONG = "2024-02-09T09:09:09Z,2024-02-09T09:09:09Z"  # clocks of devices
TRACKS = (
    f"{COMMON},event,event_text\n"
    f"t1,d1,u1,2024-02-01T12:00:00.100Z,{WRONG},2024-02-01T12:00:00Z,A-1,2024-03-01,report_exported,Report Exported\n"
    f"t2,d1,u1,2024-02-04T10:00:00Z,{WRONG},2024-02-01T10:00:00Z,A-1,2024-03-01,report_exported,Report Exported\n"
    f"t3,d3,u1,2024-02-01T12:00:02Z,{WRONG},2024-02-01T12:00:01Z,A-2,2024-03-01,report_exported,Report Exported\n"
)
REPORTS = (  # the table of one event repeats the rows of tracks with their properties
    f"{COMMON},event,event_text,duration_ms,_airbyte_meta\n"
    f"t1,d1,u1,2024-02-01T12:00:00.100Z,{WRONG},2024-02-01T12:00:00Z,A-1,2024-03-01,report_exported,Reports,250,{{}}\n"
)
PAGES = (
    f"{COMMON},path,url\n"
    f"p1,d1,,2024-02-01T09:00:01Z,{WRONG},2024-02-01T09:00:00Z,,2024-03-01,/pricing?ref=ad,https://one.com/pricing?ref=ad\n"
    f"p2,d2,,2024-02-01T09:30:01Z,{WRONG},2024-02-01T09:30:00Z,,2024-03-01,,https://one.com/docs?x=1\n"
)
IDENTIFIES = (
    f"{COMMON},email,name\n"
    f"i1,d1,u1,2024-02-01T09:06:00Z,{WRONG},2024-02-01T09:05:00Z,,2024-03-01,u@one.com,U\n"
    f"i2,d1,u1,2024-02-03T09:06:00Z,{WRONG},2024-02-03T09:05:00Z,,2024-03-01,u@one.com,U\n"
    f"i3,d2,u1,2024-02-01T09:06:00Z,{WRONG},2024-02-01T09:05:00Z,,2024-03-01,u@one.com,U\n"
    f"i4,d2,u2,2024-02-01T09:06:00Z,{WRONG},2024-02-01T09:05:00Z,,2024-03-01,v@two.com,V\n"
)


def selected(folder: Path, files: dict[str, object], **answers: str) -> dict[str, dict[str, object]]:
    """Return event id -> row of the events that the SELECT of a project of these files yields.

    A text is a file as it is, a list JSON lines, a table a Parquet file.
    """
    data = folder / "data"
    data.mkdir()
    for name, content in {"companies.csv": COMPANIES, "users.csv": USERS, **files}.items():
        if isinstance(content, pa.Table):
            pq.write_table(content, data / name)
            continue
        text = content if isinstance(content, str) else "".join(f"{json.dumps(line)}\n" for line in content)
        (data / name).write_text(text, encoding="utf-8")
    settings = load_settings(make_project(data, answers))
    with opened_sources(settings) as connection:
        rows = connection.execute(
            "SELECT * REPLACE (CAST(occurred_at AS TIMESTAMPTZ)::VARCHAR AS occurred_at, "
            f"CAST(recorded_at AS TIMESTAMPTZ)::VARCHAR AS recorded_at) FROM ({settings.select('events')})"
        )
        names = [each[0] for each in rows.description]
        found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    assert len({row["event_id"] for row in found}) == len(found)
    return {row["event_id"]: row for row in found}


def segment_rows(folder: Path) -> dict[str, dict[str, object]]:
    return selected(folder, {"1.csv": TRACKS, "2.csv": REPORTS, "3.csv": PAGES, "4.csv": IDENTIFIES})


def test_a_page_before_the_login_is_known_when_the_login_was_received(tmp_path: Path) -> None:
    rows = segment_rows(tmp_path)
    before = rows["p1"]
    assert (before["user_id"], before["name"]) == ("u1", "/pricing")
    assert before["occurred_at"] == "2024-02-01 09:00:00+00"
    assert before["recorded_at"] == "2024-02-01 09:06:00+00"
    shared = rows["p2"]  # two persons logged in on that device: nobody knows whose view it was
    assert (shared["user_id"], shared["recorded_at"]) == ("d2", "2024-02-01 09:30:01+00")
    assert (shared["account_id"], shared["name"]) == (None, "/docs")


def test_an_event_sent_later_happened_at_its_time_and_is_known_from_its_receipt(tmp_path: Path) -> None:
    offline = segment_rows(tmp_path)["t2"]
    assert offline["occurred_at"] == "2024-02-01 10:00:00+00"
    assert offline["recorded_at"] == "2024-02-04 10:00:00+00"


def test_the_tables_of_tracks_and_of_one_event_are_one_event_and_its_group_is_its_account(tmp_path: Path) -> None:
    rows = segment_rows(tmp_path)
    assert set(rows) == {"t1", "t2", "t3", "p1", "p2"}
    assert (rows["t1"]["duration_ms"], rows["t1"]["account_id"]) == ("250", "A-1")
    assert (rows["t3"]["user_id"], rows["t3"]["account_id"]) == ("u1", "A-2")
    assert (rows["t1"]["kind"], rows["t1"]["name"]) == ("feature_used", "report")


def test_tracks_alone_are_enough(tmp_path: Path) -> None:
    tracks = TRACKS.replace(",A-2,", ",A-9,")
    rows = selected(tmp_path, {"1.csv": tracks})
    assert set(rows) == {"t1", "t2", "t3"}
    assert rows["t3"]["account_id"] == "A-9"  # a group that nobody knows is refused, not given to the user's account


def amplitude_event(
    key: str, device: str, user: str | None, at: str, received: str, **other: object
) -> dict[str, object]:
    """Return an event of Amplitude's export: a page view, unless said otherwise."""
    common = {"$insert_id": key, "device_id": device, "user_id": user, "event_time": f"2024-02-0{at}",
              "server_received_time": f"2024-02-0{received}", "client_event_time": "2024-02-09 09:09:09",
              "client_upload_time": "2024-02-09 09:09:09", "event_type": "[Amplitude] Page Viewed", "session_id": -1,
              "event_properties": {"[Amplitude] Page Path": "/docs?x=1"}, "groups": {}, "platform": "Web",
              "library": "amplitude-ts/2.3.1"}  # fmt: skip
    return common | other


def test_amplitudes_devices_are_of_the_one_person_that_was_seen_on_them(tmp_path: Path) -> None:
    lines = [
        amplitude_event("a", "d1", None, "1 09:00:00", "1 09:00:01", session_id=17),
        amplitude_event("b", "d1", "u1", "1 09:05:00", "1 09:06:00", event_type="$identify"),
        amplitude_event("c", "d1", "u1", "1 10:00:00", "4 10:00:00", groups={"workspace": ["A-2"]}, session_id=17),
        amplitude_event("d", "d1", "u1", "1 11:00:00", "1 11:00:00", groups={"workspace": "A-9"}),
        amplitude_event("e", "d2", None, "1 09:00:00", "1 09:00:01"),
        amplitude_event("f", "d2", "u1", "1 09:05:00", "1 09:06:00", event_type="session_start"),
        amplitude_event("g", "d2", "u2", "1 09:05:00", "1 09:06:00", event_type="[Amplitude] Rage Click"),
    ]
    rows = selected(tmp_path, {"events.json": lines})
    assert {key: (row["user_id"], row["account_id"]) for key, row in rows.items()} == {
        "a": ("u1", None), "c": ("u1", "A-2"), "d": ("u1", "A-9"), "e": ("d2", None), "g": ("u2", None),
    }  # fmt: skip
    assert rows["a"]["recorded_at"] == "2024-02-01 09:06:00+00"
    assert rows["c"]["occurred_at"] == "2024-02-01 10:00:00+00"
    assert rows["c"]["recorded_at"] == "2024-02-04 10:00:00+00"
    assert rows["a"]["session_id"] == rows["c"]["session_id"] is not None
    assert rows["d"]["session_id"] is None
    assert (rows["a"]["name"], rows["g"]["kind"], rows["g"]["name"]) == ("/docs", "rage_click", "/docs")


def mixpanel_event(event: str, key: str, seconds: int, received: int, **properties: object) -> dict[str, object]:
    """Return an event of Mixpanel's export; `received`: seconds, too."""
    common = {"time": seconds, "$insert_id": key, "mp_processing_time_ms": received * 1000, "mp_lib": "web",
              "$lib_version": "2.5"}  # fmt: skip
    return {"event": event, "properties": common | {name.replace("S_", "$"): each for name, each in properties.items()}}


MIXPANEL = [
    mixpanel_event("$mp_web_page_view", "a", 1602611311, 1602636512, distinct_id="$device:d1", S_device_id="d1",
                   S_current_url="https://one.com/docs?x=1"),
    mixpanel_event("$identify", "b", 1602611611, 1602636900, distinct_id="u1", S_user_id="u1", S_device_id="d1"),
    mixpanel_event("report exported", "c", 1602611311, 1602636511 + 259200, distinct_id="u1", team_id=["A-2"]),
    mixpanel_event("report exported", "d", 1602611311, 1602636511, distinct_id="u1", team_id="A-9"),
    mixpanel_event("$mp_web_page_view", "e", 1602611311, 1602636511, distinct_id="$device:d2", S_device_id="d2"),
    mixpanel_event("$mp_rage_click", "f", 1602611311, 1602636511, distinct_id="u1", S_user_id="u1", S_device_id="d2"),
    mixpanel_event("$mp_rage_click", "g", 1602611311, 1602636511, distinct_id="u2", S_user_id="u2", S_device_id="d2"),
]  # fmt: skip


def test_an_old_project_of_mixpanel_counts_in_its_own_zone(tmp_path: Path) -> None:
    rows = selected(tmp_path, {"events.jsonl": MIXPANEL}, mixpanel_zone="US/Pacific")
    assert rows["a"]["occurred_at"] == "2020-10-14 00:48:31+00"
    assert rows["d"]["recorded_at"] == "2020-10-14 00:48:31+00"  # the receipt is in UTC whatever the zone is


def test_mixpanels_devices_are_of_the_one_person_that_was_seen_on_them(tmp_path: Path) -> None:
    rows = selected(tmp_path, {"events.jsonl": MIXPANEL})
    assert {key: (row["user_id"], row["account_id"]) for key, row in rows.items()} == {
        "a": ("u1", None), "c": ("u1", "A-2"), "d": ("u1", "A-9"), "e": ("d2", None), "f": ("u1", None),
        "g": ("u2", None),
    }  # fmt: skip
    assert rows["a"]["occurred_at"] == "2020-10-13 17:48:31+00"
    assert rows["a"]["recorded_at"] == "2020-10-14 00:55:00+00"
    assert rows["c"]["recorded_at"] == "2020-10-17 00:48:31+00"
    assert (rows["a"]["name"], rows["c"]["kind"], rows["c"]["name"]) == ("/docs", "feature_used", "report")


def ga4_event(name: str, device: str, user: str | None, micros: int, **other: object) -> dict[str, object]:
    """Return an event of Google Analytics; `page`: of it, `team`: a user property."""
    params = [{"key": "ga_session_id", "value": {"int_value": "7"}}]
    if "page" in other:
        params.append({"key": "page_location", "value": {"string_value": f"https://one.com{other['page']}"}})
    if "duration_ms" in other:
        params.append({"key": "duration_ms", "value": {"double_value": other["duration_ms"]}})
    team = [{"key": "team", "value": {"string_value": other["team"]}}] if "team" in other else []
    return {"event_date": "20221231", "event_timestamp": str(micros), "event_name": name, "event_params": params,
            "user_id": user, "user_pseudo_id": device, "user_properties": team, "platform": "WEB",
            **{each: str(other.get(each, "1")) for each in ("batch_page_id", "batch_ordering_id", "batch_event_index")},
            }  # fmt: skip


NEW_YEAR, HOUR = 1672531200000000, 3600_000_000
GA4 = [
    ga4_event("page_view", "d1", None, NEW_YEAR, page="/docs?x=1", duration_ms=12.5),
    ga4_event("session_start", "d1", "u1", NEW_YEAR + HOUR),
    ga4_event("exception", "d1", "u1", NEW_YEAR + HOUR, page="/a", team="A-2"),
    ga4_event("exception", "d1", "u1", NEW_YEAR + HOUR, page="/a", team="A-2"),  # the same batch: one event
    ga4_event("exception", "d1", "u1", NEW_YEAR + HOUR, page="/a", team="A-2", batch_ordering_id=2),
    ga4_event("app_exception", "d2", "u1", NEW_YEAR + HOUR, team="A-9"),
    ga4_event("page_view", "d2", None, NEW_YEAR, page="/b"),
    ga4_event("report_exported", "d2", "u2", NEW_YEAR + HOUR),
]


def test_google_analytics_counts_microseconds_of_utc_and_not_days_of_the_property(tmp_path: Path) -> None:
    found = list(selected(tmp_path, {"events.json": GA4}).values())
    [before] = [row for row in found if row["name"] == "/docs"]
    assert before["occurred_at"] == "2023-01-01 00:00:00+00"
    assert before["recorded_at"] == "2023-01-04 01:00:00+00"  # of the person who then was seen on the device
    assert (before["user_id"], before["account_id"]) == ("u1", None)
    assert (before["session_id"], before["duration_ms"], before["platform"]) == ("d1 7", "12.5", "web")


def test_google_analytics_events_are_of_their_property_and_known_three_days_later(tmp_path: Path) -> None:
    found = list(selected(tmp_path, {"events.json": GA4}).values())
    of_errors = [(row["account_id"], row["recorded_at"]) for row in found if row["kind"] == "error"]
    assert of_errors == [("A-2", "2023-01-04 01:00:00+00")] * 2
    assert [(row["account_id"], row["user_id"]) for row in found if row["kind"] == "crash"] == [("A-9", "u1")]
    assert [row["user_id"] for row in found if row["name"] == "/b"] == ["d2"]  # two persons were seen on d2
    assert [(row["kind"], row["name"]) for row in found if row["user_id"] == "u2"] == [("feature_used", "report")]
    assert len(found) == 6


def test_parquet_files_with_types_of_their_own_are_read_alike(tmp_path: Path) -> None:
    tracks = read_csv(io.BytesIO(TRACKS.encode()))
    assert pa.types.is_timestamp(tracks.schema.field("received_at").type)
    folders = [tmp_path / name for name in ("text", "typed", "lines", "nested")]
    for folder in folders:
        folder.mkdir()
    text, lines = selected(folders[0], {"1.csv": TRACKS}), selected(folders[2], {"1.json": GA4})
    assert selected(folders[1], {"1.parquet": tracks}) == text
    assert selected(folders[3], {"1.parquet": pa.Table.from_pylist(GA4)}) == lines


def test_events_of_several_vendors_are_one_table(tmp_path: Path) -> None:
    files = {"1.csv": TRACKS, "2.csv": PAGES, "3.jsonl": MIXPANEL, "4.jsonl": GA4}
    assert len(selected(tmp_path, files)) == 5 + 6 + 6


# --- recognition -------------------------------------------------------------------------------------

EXPORTS = {  # connector and form -> the module that writes its files, with options
    "segment warehouse": (segment, {}), "segment raw": (segment, {"raw": True}), "amplitude export": (amplitude, {}),
    "mixpanel export": (mixpanel, {}), "ga4 bigquery": (ga4, {}), "posthog batch": (posthog, {}),
}  # fmt: skip
OTHERS = (delighted, hubspot, intercom, product_database, qualtrics, salesforce, stripe, stripe_api, stripe_fivetran,
          zendesk, zendesk_fivetran)  # fmt: skip


def recognised(folder: Path) -> Seen:
    return recognise(look([folder]), chosen_connectors())


@pytest.mark.parametrize("export", EXPORTS)
def test_every_file_of_a_vendor_is_that_vendors(written: Written, export: str) -> None:
    module, options = EXPORTS[export]
    seen = recognised(written(module, **options))
    [found] = seen.recognised
    assert f"{found.connector.name} {found.form.name}" == export
    assert (seen.unknown, seen.unreadable, seen.incomplete, found.set_aside) == ((), (), (), ())


@pytest.mark.parametrize("vendor", OTHERS)
def test_no_file_of_another_vendor_is_an_export_of_events(written: Written, vendor: ModuleType) -> None:
    found = {each.connector.name for each in recognised(written(vendor)).recognised}
    assert not found & {export.split()[0] for export in EXPORTS}


def test_tables_of_segment_are_told_apart(written: Written) -> None:
    [found] = recognised(written(segment)).recognised
    of_kind = {
        kind: {file.path.stem for entry in entries for file in entry.files} for kind, entries in found.entries.items()
    }
    assert of_kind["segment_pages"] == {"segment_pages"}
    assert of_kind["segment_screens"] == {"segment_screens"}
    assert of_kind["segment_identifies"] == {"segment_identifies"}
    assert {"segment_tracks", "segment_banner_shown"} <= of_kind["segment_tracks"]
