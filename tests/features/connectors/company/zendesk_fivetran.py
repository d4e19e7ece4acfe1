"""Writes Zendesk's tables as Fivetran makes them, with the history of fields and the comments of tickets.

The same company and noise as in module zendesk, but each ticket once. Files, as CSV: `zendesk_ticket.csv` (the topic is
the column `custom_topic`), `zendesk_ticket_field_history.csv`, `zendesk_ticket_comment.csv`, `zendesk_ticket_tag.csv`,
`zendesk_user.csv`, `zendesk_organization.csv`, `zendesk_domain_name.csv`. Times are UTC, to the second.

What can come back: module zendesk's `expected_tickets(company, legacy_ratings=True)`, as ratings are the field
`satisfaction_score` (offered, good, bad) of the history; an escalation is the change to the second-line group
(SECOND_LINE), whose time the history has, and a tag, whose time it has not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, write_csv
from tests.features.connectors.company.zendesk_tickets import (
    SECOND_LINE,
    TOPIC_FIELD,
    Organization,
    Ticket,
    User,
    agents,
    is_offered,
    noise_tickets,
    organizations,
    outsiders,
    requesters,
    tickets,
)

__all__ = ["SECOND_LINE", "write"]
IN_HISTORY = ("status", "priority", "group_id", "assignee_id")


def write(company: Company, folder: Path) -> None:
    """Write the tables."""
    every = [*tickets(company), *noise_tickets(company)]
    people = [*agents(company), *requesters(company).values(), *outsiders(company)]
    synced, made = _time(company.end), _time(company.first_day)
    tables: dict[str, Iterable[Json]] = {
        "ticket": (_ticket(each) for each in every),
        "ticket_field_history": (row for each in every for row in _field_history(each)),
        "ticket_comment": (row for each in every for row in _comments(each)),
        "ticket_tag": ({"ticket_id": each.id, "tag": tag} for each in every for tag in _tags(each)),
        "user": (_user(each, made) for each in people),
        "organization": (_organization(each, made) for each in organizations(company)),
        "domain_name": (
            {"index": 0, "organization_id": each.id, "domain_name": each.domain} for each in organizations(company)
        ),
    }
    for name, rows in tables.items():
        found = [{**row, "_fivetran_synced": synced} for row in rows]
        if found:  # Fivetran makes no table without rows
            write_csv(folder / f"zendesk_{name}.csv", list(found[0]), found)


def _time(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _tags(ticket: Ticket) -> list[str]:
    return (ticket.fields()["tags"] or "").split()


def _ticket(ticket: Ticket) -> Json:
    today = ticket.fields()
    return {
        "id": ticket.id, "allow_channelback": "false", "assignee_id": today.get("assignee_id"),
        "created_at": _time(ticket.created), "description": "It does not work as I expected.", "external_id": None,
        "group_id": today["group_id"], "is_public": "true", "organization_id": ticket.organization,
        "priority": today["priority"], "requester_id": ticket.requester.id, "status": today["status"],
        "subject": "A question", "submitter_id": ticket.steps[0].author, "type": "incident",
        "updated_at": _time(ticket.steps[-1].at), "via_channel": ticket.channel, "merged_ticket_ids": "[]",
        "custom_topic": today[str(TOPIC_FIELD)],
    }  # fmt: skip


def _field_history(ticket: Ticket) -> Iterator[Json]:
    """Yield each value of the fields that Fivetran keeps the history of, and the ratings."""
    changes = [(step.at, step.author, name, step.changes[name]) for step in ticket.steps for name in IN_HISTORY
               if name in step.changes]  # fmt: skip
    if is_offered(ticket) and ticket.offered_at is not None:
        changes.append((ticket.offered_at, -1, "satisfaction_score", "offered"))
        if ticket.rating is not None and ticket.rated_at is not None:
            score = "good" if ticket.rating >= 4 else "bad"
            changes.append((ticket.rated_at, ticket.requester.id, "satisfaction_score", score))
    for at, author, name, value in changes:
        yield {"field_name": name, "ticket_id": ticket.id, "updated": _time(at), "user_id": author, "value": value}


def _comments(ticket: Ticket) -> Iterator[Json]:
    for number, step in enumerate(ticket.steps):
        if step.comment is not None:
            yield {
                "id": ticket.id * 100 + number, "body": step.comment, "created": _time(step.at),
                "facebook_comment": "false", "public": str(step.is_public).lower(), "ticket_id": ticket.id,
                "tweet": "false", "user_id": step.author, "voice_comment": "false",
            }  # fmt: skip


def _user(user: User, made: str) -> Json:
    return {
        "id": user.id, "active": "true", "created_at": made, "email": user.email, "external_id": user.external_id,
        "name": user.name, "organization_id": user.organization, "role": user.role,
        "suspended": str(user.suspended).lower(), "updated_at": made, "verified": "true",
    }  # fmt: skip


def _organization(organization: Organization, made: str) -> Json:
    return {
        "id": organization.id, "created_at": made, "details": None, "external_id": organization.external_id,
        "name": organization.name, "shared_tickets": "false", "updated_at": made,
    }  # fmt: skip
