"""Writes Zendesk's incremental export: tickets with their metric sets, users, organizations, audits and ratings.

From the canonical tables: tickets, and which account and user they are of. Files, one JSON object per line:
`zendesk_tickets.jsonl`, `zendesk_users.jsonl`, `zendesk_organizations.jsonl`, `zendesk_ticket_fields.jsonl` (the topic
is the custom field TOPIC_FIELD), `zendesk_ticket_audits.jsonl` (every change), and `zendesk_survey_responses.jsonl` or,
with `legacy_ratings`, `zendesk_satisfaction_ratings.jsonl`. With `pages`, the tickets come as the pages of the API:
`zendesk_tickets-001.json` and so on.

Noise that must not come back: tickets that were deleted, merged (tag closed_by_merge), asked by an agent, or sent by a
suspended user or by a prospect; tickets twice, the older state with an older `generated_timestamp` (5 %); internal
notes before the first answer; a second resolution after a reopening, which `solved_at` of the metrics holds.
Organizations name their account in lower case (half) or not at all (5 %, but in `domain_names`); 3 % of the users have
no organization, and some tickets have none although their requester has one.

What cannot come back: parts of a second; without the audits also what `expected_tickets(history=False)` leaves out.
An escalation is the tag `escalated`, set together with the second-line group, and in some a raised priority.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, dumped, vendor_id, write_lines
from tests.features.connectors.company.zendesk_tickets import (
    TOPIC_FIELD,
    Organization,
    Ticket,
    User,
    agents,
    expected_offered_surveys,
    expected_tickets,
    is_offered,
    noise_tickets,
    organizations,
    outsiders,
    requesters,
    tickets,
)

__all__ = ["TOPIC_FIELD", "expected_offered_surveys", "expected_tickets", "write"]
PAGE = 500  # tickets per page


def write(company: Company, folder: Path, *, pages: bool = False, legacy_ratings: bool = False) -> None:
    """Write the export; see the module for `pages` and `legacy_ratings`."""
    every = sorted([*tickets(company), *noise_tickets(company)], key=lambda ticket: ticket.steps[-1].at)
    exported = list(_exported(company, every, legacy_ratings))
    if pages:
        _write_pages(folder, exported)
    else:
        write_lines(folder / "zendesk_tickets.jsonl", exported)
    people = [*agents(company), *requesters(company).values(), *outsiders(company)]
    write_lines(folder / "zendesk_users.jsonl", (user_object(company, each) for each in people))
    write_lines(
        folder / "zendesk_organizations.jsonl", (organization_object(company, each) for each in organizations(company))
    )
    write_lines(folder / "zendesk_ticket_fields.jsonl", FIELDS)
    audits = (audit for ticket in every for audit in audit_objects(ticket))
    write_lines(folder / "zendesk_ticket_audits.jsonl", audits)
    if legacy_ratings:
        ratings = (rating for ticket in every for rating in rating_objects(ticket))
        write_lines(folder / "zendesk_satisfaction_ratings.jsonl", ratings)
    else:
        answers = (survey_response(ticket) for ticket in every if ticket.rating is not None)
        write_lines(folder / "zendesk_survey_responses.jsonl", answers)


FIELDS: list[Json] = [
    {"id": 360_000_000_001, "type": "subject", "title": "Subject", "active": True},
    {"id": 360_000_000_002, "type": "status", "title": "Status", "active": True},
    {"id": TOPIC_FIELD, "type": "tagger", "title": "Topic", "active": True},
]


def _exported(company: Company, every: list[Ticket], legacy_ratings: bool) -> Iterator[Json]:
    """Yield the tickets in order of their last change; one in twenty also as it stood before that."""
    chances = company.chances(len(every), "zendesk", "twice")
    for ticket, chance in zip(every, chances, strict=True):
        if chance < 0.05 and len(ticket.steps) > 1:
            earlier = replace(ticket, steps=ticket.steps[:-1], rating=None, rated_at=None)
            yield ticket_object(company, earlier, legacy_ratings)
        yield ticket_object(company, ticket, legacy_ratings)
        if chance > 0.98:  # the last ticket of a page comes again on the next
            yield ticket_object(company, ticket, legacy_ratings)


def _write_pages(folder: Path, exported: list[Json]) -> None:
    starts = range(0, len(exported), PAGE)
    for number, start in enumerate(starts, start=1):
        address = f"https://rivertide.zendesk.com/api/v2/incremental/tickets/cursor.json?cursor={number}"
        page = {
            "tickets": exported[start : start + PAGE],
            "after_url": address,
            "after_cursor": str(number),
            "end_of_stream": number == len(starts),
        }
        write_lines(folder / f"zendesk_tickets-{number:03}.json", [dumped(page)])


def iso(time: pd.Timestamp | None) -> str | None:
    """Return a time as Zendesk writes it, in whole seconds."""
    return None if time is None or pd.isna(time) else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def ticket_object(company: Company, ticket: Ticket, legacy_ratings: bool = False) -> Json:
    """Return a ticket as it stands today, with its metric set."""
    today = ticket.fields()
    topic = today[str(TOPIC_FIELD)]
    is_deleted = today["status"] == "deleted"
    return {
        "url": f"https://rivertide.zendesk.com/api/v2/tickets/{ticket.id}.json", "id": ticket.id, "external_id": None,
        "via": {"channel": ticket.channel, "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": iso(ticket.created), "updated_at": iso(ticket.steps[-1].at),
        "generated_timestamp": unix(ticket.steps[-1].at) + 60, "type": "incident",
        "subject": "SCRUBBED" if is_deleted else f"Question on {topic}", "priority": today["priority"],
        "status": today["status"], "recipient": None, "requester_id": ticket.requester.id,
        "submitter_id": ticket.steps[0].author, "assignee_id": _number(today.get("assignee_id")),
        "organization_id": ticket.organization, "group_id": _number(today["group_id"]), "is_public": True,
        "tags": (today["tags"] or "").split(), "custom_fields": [{"id": TOPIC_FIELD, "value": topic}],
        "satisfaction_rating": _satisfaction(ticket) if legacy_ratings else {"score": "unoffered"},
        "brand_id": 360_003_529_474, "followup_ids": [], "metric_set": metric_set(ticket),
    }  # fmt: skip


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _satisfaction(ticket: Ticket) -> Json:
    if ticket.rating is not None:
        return {"score": "good" if ticket.rating >= 4 else "bad", "id": ticket.id * 10 + 1}
    return {"score": "offered" if is_offered(ticket) else "unoffered"}


def metric_set(ticket: Ticket) -> Json:
    """Return the metrics of a ticket; business minutes leave out nights, and `solved_at` is the last resolution."""
    solved = [step.at for step in ticket.steps if step.changes.get("status") == "solved"]
    opened_again = [step for step in ticket.steps[1:] if step.changes.get("status") == "open"]
    full = None if not solved else int((solved[-1] - ticket.created) / pd.Timedelta(minutes=1))
    return {
        "id": ticket.id + 7_000_000, "ticket_id": ticket.id, "created_at": iso(ticket.created),
        "updated_at": iso(ticket.steps[-1].at), "group_stations": 1, "assignee_stations": 1,
        "reopens": sum(step.author == ticket.requester.id for step in opened_again),
        "replies": sum(step.comment is not None and step.is_public for step in ticket.steps[1:]),
        "initially_assigned_at": None, "solved_at": iso(solved[-1]) if solved else None,
        "reply_time_in_minutes": _minutes(ticket.minutes_to_reply),
        "first_resolution_time_in_minutes": _minutes(ticket.minutes_to_resolution),
        "full_resolution_time_in_minutes": _minutes(full), "requester_wait_time_in_minutes": _minutes(full),
    }  # fmt: skip


def _minutes(calendar: int | None) -> Json:
    return {"calendar": calendar, "business": None if calendar is None else calendar // 3}


def user_object(company: Company, user: User) -> Json:
    """Return a user."""
    return {
        "id": user.id, "name": user.name, "email": user.email, "created_at": iso(company.first_day),
        "updated_at": iso(company.first_day), "active": True, "external_id": user.external_id,
        "organization_id": user.organization, "role": user.role, "suspended": user.suspended, "time_zone": "Berlin",
        "verified": True,
    }  # fmt: skip


def organization_object(company: Company, organization: Organization) -> Json:
    """Return an organization."""
    return {
        "id": organization.id, "name": organization.name, "external_id": organization.external_id,
        "domain_names": [organization.domain], "created_at": iso(company.first_day),
        "updated_at": iso(company.first_day), "details": None, "notes": None, "organization_fields": {},
        "shared_tickets": False, "tags": [],
    }  # fmt: skip


def audit_objects(ticket: Ticket) -> Iterator[Json]:
    """Yield an audit per step of a ticket: its changes and its comment."""
    before: dict[str, str | None] = {}
    for number, step in enumerate(ticket.steps):
        base = ticket.id * 1000 + number * 20
        events: list[Json] = []
        for each, (name, value) in enumerate(step.changes.items(), start=1):
            change = {"id": base + each, "type": "Change", "field_name": name, "value": _tags(name, value)}
            change |= {"previous_value": _tags(name, before.get(name))} if number else {"type": "Create"}
            events.append(change)
        if step.comment is not None:
            events.append({"id": base + 19, "type": "Comment", "author_id": step.author, "body": step.comment,
                           "public": step.is_public})  # fmt: skip
        before |= step.changes
        yield {
            "id": base, "ticket_id": ticket.id, "created_at": iso(step.at), "author_id": step.author,
            "metadata": {"system": {}, "custom": {}}, "via": {"channel": ticket.channel}, "events": events,
        }  # fmt: skip


def _tags(name: str, value: str | None) -> str | list[str] | None:
    return value.split() if name == "tags" and value is not None else value


def survey_response(ticket: Ticket) -> Json:
    """Return the answer to a CSAT survey: a rating from 1 to 5, and a question that was skipped."""
    answered = iso(ticket.rated_at)
    rating = ticket.rating or 0
    rated = {
        "type": "rating_scale", "created_at": answered, "updated_at": answered, "rating": rating,
        "rating_category": "good" if rating >= 4 else "bad",
        "question": {"id": "01HRATING", "type": "rating_scale", "sub_type": "customer_satisfaction"},
    }  # fmt: skip
    skipped = {"type": "skipped", "created_at": answered, "updated_at": answered, "question": {"type": "open_ended"}}
    return {
        "id": vendor_id("01H", str(ticket.id), 23).upper(), "survey_id": "01HSURVEY", "survey_version": 1,
        "expires_at": None, "responder_id": ticket.requester.id,
        "subjects": [{"id": str(ticket.id), "type": "ticket", "zrn": f"zen:ticket:{ticket.id}"}],
        "answers": [rated, skipped],
    }  # fmt: skip


def rating_objects(ticket: Ticket) -> Iterator[Json]:
    """Yield the legacy ratings of a ticket: one when it was offered, another when it was given."""
    if not is_offered(ticket):
        return
    same = {"ticket_id": ticket.id, "requester_id": ticket.requester.id, "group_id": None, "comment": None}
    offered = iso(ticket.offered_at)
    yield {"id": ticket.id * 10, "score": "offered", "created_at": offered, "updated_at": offered, **same}
    if ticket.rating is not None:
        rated, score = iso(ticket.rated_at), "good" if ticket.rating >= 4 else "bad"
        yield {"id": ticket.id * 10 + 1, "score": score, "created_at": rated, "updated_at": rated, **same}
