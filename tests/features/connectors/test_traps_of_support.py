"""Traps of Zendesk, PostHog and Qualtrics: what each field means, in small exports with the right values."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.features.connectors.round_trip import NOW, make_project, rows_of
from undertow.features.errors import DataError
from undertow.features.settings import load_settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables

Json = dict[str, Any]
COMPANIES = (
    "Record ID,Company name,Create Date,account_id,Company Domain Name\n1,Acme,2024-01-01 00:00,Company1,acme.com\n"
)
USERS = "user_id,account_id,joined_at,email\nu1,Company1,2024-01-01,ann@acme.com\n"
MINUTES = {"reply_time_in_minutes": {"calendar": 90, "business": 30},
           "first_resolution_time_in_minutes": {"calendar": 600, "business": 60}}  # fmt: skip


def lines(objects: list[Json]) -> str:
    return "\n".join(json.dumps(each) for each in objects) + "\n"


def read(folder: Path, files: dict[str, str]) -> Tables:
    """Make a project of these files beside the company's accounts and users, and read its tables."""
    data = folder / "data"
    data.mkdir()
    for name, text in {"companies.csv": COMPANIES, "users.csv": USERS, **files}.items():
        (data / name).write_text(text, encoding="utf-8")
    return read_tables(load_settings(make_project(data, {"account_column": '"account_id"'})), NOW)


# --- Zendesk -------------------------------------------------------------------------------------------


def ticket(number: int, **more: object) -> Json:
    whole = {
        "id": number, "created_at": "2024-03-01T10:00:00Z", "generated_timestamp": 1, "via": {"channel": "email"},
        "priority": "high", "status": "solved", "requester_id": 11, "organization_id": 5, "tags": [],
        "custom_fields": [], "satisfaction_rating": {"score": "unoffered"}, "metric_set": MINUTES,
    }  # fmt: skip
    return whole | more


def audit(number: int, at: str, author: int, *changes: Json) -> Json:
    return {"id": f"{number}{at}", "ticket_id": number, "created_at": at, "author_id": author, "events": list(changes)}


def change(field: str, value: str, before: str | None = None) -> Json:
    return {"type": "Create" if before is None else "Change", "field_name": field, "value": value,
            "previous_value": before}  # fmt: skip


def comment(is_public: bool) -> Json:
    return {"type": "Comment", "public": is_public, "body": "…"}


TICKETS = [
    ticket(1), ticket(1, generated_timestamp=2, priority="low"), ticket(2, status="deleted"),
    ticket(3, tags=["closed_by_merge"]), ticket(4, requester_id=99), ticket(5, requester_id=12, organization_id=None),
    ticket(6, via={"channel": "voice"}),
]  # fmt: skip
PEOPLE = [
    {"id": 11, "email": "ann@acme.com", "role": "end-user", "external_id": "u1", "organization_id": 5},
    {"id": 12, "email": "new@acme.com", "role": "end-user", "external_id": None, "organization_id": None},
    {"id": 99, "email": "me@us.com", "role": "agent", "external_id": None, "organization_id": None},
]
ZENDESK = {
    "tickets.jsonl": lines(TICKETS),
    "people.jsonl": lines(PEOPLE),
    "organizations.jsonl": lines([{"id": 5, "name": "Acme", "external_id": "company1", "domain_names": ["acme.com"]}]),
}
AUDITS = [
    audit(1, "2024-03-01T10:00:00Z", 11, change("status", "new"), change("priority", "urgent"), comment(True)),
    audit(1, "2024-03-01T10:05:00Z", 99, comment(False)),
    audit(1, "2024-03-01T11:30:00Z", 99, comment(True)),
    audit(1, "2024-03-03T09:00:00Z", 99, change("status", "solved", "open")),
    audit(1, "2024-03-05T09:00:00Z", 11, change("status", "open", "solved"),
          change("tags", '["escalated"]', "[]")),
    audit(1, "2024-03-06T09:00:00Z", 99, change("status", "solved", "open")),
]  # fmt: skip
OFFERED = [
    {"id": 1, "ticket_id": 1, "score": "offered", "requester_id": 11, "created_at": "2024-03-06T10:00:00Z",
     "updated_at": "2024-03-06T10:00:00Z"},
    {"id": 1, "ticket_id": 1, "score": "good", "requester_id": 11, "created_at": "2024-03-06T10:00:00Z",
     "updated_at": "2024-03-07T08:00:00Z"},
]  # fmt: skip


def test_tickets_are_those_of_customers_once_each_and_of_the_company_in_any_spelling(tmp_path: Path) -> None:
    rows = rows_of(read(tmp_path, ZENDESK), "tickets").sort_values("ticket_id")
    assert rows["ticket_id"].tolist() == ["1", "5", "6"]
    assert set(rows["account_id"]) == {"Company1"}
    assert rows["channel"].tolist() == ["email", "email", "phone"]


def test_without_audits_minutes_are_calendar_minutes(tmp_path: Path) -> None:
    row = rows_of(read(tmp_path, ZENDESK), "tickets").set_index("ticket_id").loc["1"]
    assert row["first_response_at"] == datetime(2024, 3, 1, 11, 30)
    assert row["resolved_at"] == datetime(2024, 3, 1, 20)
    assert pd.isna(row["reopened_at"])


def test_audits_tell_the_first_public_answer_the_first_solution_and_what_came_after(tmp_path: Path) -> None:
    tables = read(tmp_path, {**ZENDESK, "audits.jsonl": lines(AUDITS), "ratings.jsonl": lines(OFFERED)})
    row = rows_of(tables, "tickets").set_index("ticket_id").loc["1"]
    assert row["priority"] == "urgent"
    assert row["first_response_at"] == datetime(2024, 3, 1, 11, 30)
    assert row["resolved_at"] == datetime(2024, 3, 3, 9)
    assert row["reopened_at"] == row["escalated_at"] == datetime(2024, 3, 5, 9)
    assert (row["csat"], row["csat_at"]) == (5.0, datetime(2024, 3, 7, 8))


def test_a_rating_that_was_offered_and_then_given_is_one_survey_with_its_answer(tmp_path: Path) -> None:
    [row] = rows_of(read(tmp_path, {**ZENDESK, "ratings.jsonl": lines(OFFERED)}), "surveys").to_dict("records")
    assert (row["asked_at"], row["responded_at"]) == (datetime(2024, 3, 6, 10), datetime(2024, 3, 7, 8))
    assert (row["kind"], row["score"]) == ("csat", 5.0)


# --- PostHog -------------------------------------------------------------------------------------------


def event(name: str, at: str, received: str, person: str, **properties: object) -> Json:
    return {"uuid": f"{name} {at} {person}", "event": name, "timestamp": f"2024-03-01T{at}:00Z",
            "created_at": received, "distinct_id": person, "properties": {"$lib": "web", **properties}}  # fmt: skip


def events_of(tables: Tables) -> list[Json]:
    return rows_of(tables, "events").sort_values("event_id").to_dict("records")


def test_a_page_from_before_the_login_is_the_persons_and_counts_from_the_receipt_of_the_login(tmp_path: Path) -> None:
    sent = [
        event("$pageview", "09:00", "2024-03-01T09:00:05Z", "device", **{"$pathname": "/start"}),
        event("$identify", "09:05", "2024-03-01T09:06:00Z", "u1", **{"$anon_distinct_id": "device"}),
    ]
    [row] = events_of(read(tmp_path, {"events.jsonl": lines(sent)}))
    assert (row["account_id"], row["user_id"], row["name"]) == ("Company1", "u1", "/start")
    assert row["recorded_at"] == datetime(2024, 3, 1, 9, 6)


def test_a_device_of_two_people_is_nobodys(tmp_path: Path) -> None:
    sent = [
        event("$pageview", "09:00", "2024-03-01T09:00:05Z", "device"),
        event("$identify", "09:05", "2024-03-01T09:06:00Z", "u1", **{"$anon_distinct_id": "device"}),
        event("$identify", "09:15", "2024-03-01T09:16:00Z", "u2", **{"$anon_distinct_id": "device"}),
        event("$pageview", "10:00", "2024-03-01T10:00:05Z", "u1"),
    ]
    tables = read(tmp_path, {"events.jsonl": lines(sent)})
    assert [row["user_id"] for row in events_of(tables)] == ["u1"]
    assert [reason.rows for reason in tables.report("events").reasons] == [1]


def test_an_event_that_was_received_days_later_counts_from_then(tmp_path: Path) -> None:
    [row] = events_of(read(tmp_path, {
        "events.jsonl": lines([event("$pageview", "10:00", "2024-03-04T10:00:00Z", "u1")])
    }))  # fmt: skip
    assert (row["occurred_at"], row["recorded_at"]) == (datetime(2024, 3, 1, 10), datetime(2024, 3, 4, 10))


def test_web_vitals_of_one_event_are_a_row_each(tmp_path: Path) -> None:
    values = {"$web_vitals_LCP_value": 2500, "$web_vitals_CLS_value": 0.12}
    rows = events_of(read(tmp_path, {
        "events.jsonl": lines([event("$web_vitals", "10:00", "2024-03-01T10:00:01Z", "u1", **values)])
    }))  # fmt: skip
    assert [(row["kind"], row["name"], row["value"]) for row in rows] == [
        ("web_vital", "CLS", 0.12), ("web_vital", "LCP", 2500.0)
    ]  # fmt: skip


def test_a_group_that_no_account_has_is_refused_and_not_given_to_the_users_account(tmp_path: Path) -> None:
    sent = [
        event("$pageview", "10:00", "2024-03-01T10:00:01Z", "u1", **{"$groups": {"company": "company1"}}),
        event("$pageview", "11:00", "2024-03-01T11:00:01Z", "u1", **{"$groups": {"company": "elsewhere"}}),
    ]
    tables = read(tmp_path, {"events.jsonl": lines(sent)})
    assert [row["account_id"] for row in events_of(tables)] == ["Company1"]
    assert [reason.reason for reason in tables.report("events").reasons] == ["unknown account"]


# --- Qualtrics -------------------------------------------------------------------------------------------

HEADER = (
    "StartDate,EndDate,Status,Finished,RecordedDate,ResponseId,RecipientEmail,ExternalReference,Q1_NPS_GROUP,Q1,Q2\n"
)
TIMES = "2024-03-10 03:29:00,2024-03-10 03:30:00"
ZONE = '"{""ImportId"":""endDate"",""timeZone"":""America/Denver""}"'
RESPONSES = (
    HEADER
    + "Start Date,End Date,Response Type,Finished,Recorded Date,Response ID,Email,Reference,Group,How likely?,Why?\n"
    + f'{ZONE},{ZONE},"{{""ImportId"":""status""}}",x,{ZONE},"{{""ImportId"":""_recordId""}}",x,x,x,x,x\n'
    + f'{TIMES},IP Address,True,2024-03-10 03:30:01,R_1,,u1,Promoter,9,"Well,\nit ""works"""\n'
    + f"{TIMES},Survey Preview,True,2024-03-10 03:30:01,R_2,,u1,Promoter,9,\n"
    + f"{TIMES},IP Address,False,2024-03-10 03:30:01,R_3,,u1,Promoter,9,\n"
    + f"{TIMES},Spam,True,2024-03-10 03:30:01,R_4,,u1,Promoter,9,\n"
)


def test_an_answer_is_in_the_surveys_zone_and_previews_and_unfinished_ones_are_none(tmp_path: Path) -> None:
    [row] = rows_of(read(tmp_path, {"nps.csv": RESPONSES}), "surveys").to_dict("records")
    assert (row["survey_id"], row["account_id"], row["user_id"]) == ("R_1", "Company1", "u1")
    assert row["responded_at"] == datetime(2024, 3, 10, 9, 30)
    assert (row["kind"], row["score"]) == ("nps", 9.0)


def test_a_removed_column_is_named_with_the_file_and_the_place(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    files = {"companies.csv": COMPANIES, "users.csv": USERS, "nps.csv": RESPONSES}
    for name, text in files.items():
        (data / name).write_text(text, encoding="utf-8")
    project = make_project(data, {})
    (data / "nps.csv").write_text(RESPONSES.replace("Finished,", "Done,", 1), encoding="utf-8")
    said = r"\[views\] qualtrics_answers \(sql/qualtrics/qualtrics_answers\.sql\): .*Finished"
    with pytest.raises(DataError, match=said):
        read_tables(load_settings(project), NOW)
