"""Writes Intercom's conversations, contacts and companies as its API gives them, one JSON object per line.

From the canonical tables: tickets, and which account and user they are of. Files: `intercom_conversations.jsonl`
(with their parts, statistics and rating), `intercom_contacts.jsonl`, `intercom_companies.jsonl`. Times are whole
seconds since 1970. The account is the company's `company_id`, the user the contact's `external_id`; the topic is the
attribute `Topic`; an escalation is the assignment to the team SECOND_LINE.

Noise that must not come back: conversations that an admin began, those of the bot alone, and those of leads; notes and
answers of the bot before the first answer; `time_to_admin_reply`, which leaves out nights; a company's
`monthly_spend`, cut to whole numbers. 3 % of the contacts have no `external_id`, only their e-mail address.

What cannot come back: parts of a second; of the priority only whether it was high (`is_priority`, today's).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd

from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, vendor_id, write_lines
from tests.features.connectors.company.zendesk_tickets import (
    SECOND_LINE,
    TOPIC_FIELD,
    Step,
    Ticket,
    agents,
    expected_tickets,
    requesters,
    tickets,
)

__all__ = ["SECOND_LINE", "expected_conversations", "write"]
SOURCES = {"email": "email", "chat": "conversation", "voice": "phone_call"}
NO_EXTERNAL_ID_SHARE = 0.03
LEAD = "6500000000000000000000aa"


def write(company: Company, folder: Path) -> None:
    """Write the three files."""
    write_lines(folder / "intercom_conversations.jsonl", conversations(company))
    write_lines(folder / "intercom_contacts.jsonl", contacts(company))
    write_lines(folder / "intercom_companies.jsonl", companies(company))


def conversations(company: Company) -> list[Json]:
    """Return the tickets as conversations and the noise, in the order of their last change."""
    every = [*(conversation(company, each) for each in tickets(company)), *_noise(company)]
    return sorted(every, key=lambda each: str(each["updated_at"]))


def expected_conversations(company: Company) -> pd.DataFrame:
    """Return the canonical tickets as Intercom can tell them; `is_priority` instead of the priority."""
    rows = expected_tickets(company).drop(columns=["priority", "channel"])
    today = {str(ticket.id): ticket.fields()["priority"] for ticket in tickets(company)}
    rows["is_priority"] = [today[each] in ("high", "urgent") for each in rows["ticket_id"]]
    return rows


def conversation(company: Company, ticket: Ticket) -> Json:
    """Return a ticket as a conversation that the customer began."""
    requester = ticket.requester
    contact = {
        "type": "contact", "id": contact_id(requester.external_id),
        "external_id": None if requester.external_id in without_external_id(company) else requester.external_id,
    }  # fmt: skip
    staff = {each.id for each in agents(company)}
    answered = [step.at for step in ticket.steps[1:] if step.comment and step.is_public and step.author in staff]
    closed = [step.at for step in ticket.steps if step.changes.get("status") == "solved"]
    today = ticket.fields()
    is_open = today["status"] not in ("solved", "closed")
    wait = unix(answered[0]) - unix(ticket.created) if answered else None
    statistics = {
        "type": "conversation_statistics", "time_to_admin_reply": wait // 3 if wait is not None else None,
        "first_contact_reply_at": unix(ticket.created),
        "first_admin_reply_at": unix(answered[0]) if answered else None,
        "first_close_at": unix(closed[0]) if closed else None, "last_close_at": unix(closed[-1]) if closed else None,
        "count_reopens": max(len(closed) - 1, 0), "count_conversation_parts": len(ticket.steps),
    }  # fmt: skip
    rating = None
    if ticket.rated_at is not None:
        rating = {"rating": ticket.rating, "remark": None, "created_at": unix(ticket.rated_at), "contact": contact}
    parts = list(_parts(ticket, staff))
    return {
        "type": "conversation", "id": str(ticket.id), "created_at": unix(ticket.created),
        "updated_at": unix(ticket.steps[-1].at), "source": _source(ticket, "customer_initiated", contact),
        "contacts": {"type": "contact.list", "contacts": [contact]}, "open": is_open,
        "state": "open" if is_open else "closed",
        "priority": "priority" if today["priority"] in ("high", "urgent") else "not_priority",
        "tags": {"type": "tag.list", "tags": []}, "custom_attributes": {"Topic": today[str(TOPIC_FIELD)]},
        "conversation_rating": rating, "statistics": statistics,
        "conversation_parts": _list_of_parts(parts),
    }  # fmt: skip


def _list_of_parts(parts: list[Json]) -> Json:
    return {"type": "conversation_part.list", "conversation_parts": parts, "total_count": len(parts)}


@cache
def without_external_id(company: Company) -> frozenset[str]:
    """Return the users whose contact has an e-mail address alone."""
    users = company.users["user_id"]
    chances = company.chances(len(users), "intercom", "contacts")
    return frozenset(user for user, chance in zip(users, chances, strict=True) if chance < NO_EXTERNAL_ID_SHARE)


def contact_id(user: str | None) -> str:
    """Return Intercom's id of a user of the product."""
    return LEAD if user is None else vendor_id("", f"contact {user}", 24)


def _source(ticket: Ticket, delivered_as: str, author: Json) -> Json:
    return {
        "type": SOURCES[ticket.channel], "id": str(ticket.id), "delivered_as": delivered_as, "subject": "",
        "body": "<p>It does not work as I expected.</p>", "author": {"type": "user", "id": author["id"]},
    }  # fmt: skip


def _parts(ticket: Ticket, staff: set[int]) -> Iterator[Json]:
    """Yield the parts after the first message: an answer of the bot, then what happened to the ticket."""
    bot = {"type": "bot", "id": "900000"}
    yield _part(ticket, 0, ticket.created + pd.Timedelta(seconds=2), "comment", bot)
    for number, step in enumerate(ticket.steps[1:], start=1):
        is_staff = step.author in staff
        author = (
            {"type": "admin", "id": str(step.author)}
            if is_staff
            else {"type": "user", "id": contact_id(ticket.requester.external_id)}
        )
        yield from (_part(ticket, number, step.at, kind, author) for kind in _kinds(step, is_staff))


def _kinds(step: Step, is_staff: bool) -> list[str]:
    """Return the types of the parts that a step of a ticket becomes."""
    status = step.changes.get("status")
    kinds = [] if step.comment is None else ["comment" if step.is_public else "note"]
    if step.changes.get("group_id") == str(SECOND_LINE):
        kinds.append("assignment")
    if status == "solved":
        kinds.append("close")
    elif status == "open" and not is_staff:
        kinds.append("open")
    return kinds


def _part(ticket: Ticket, number: int, at: pd.Timestamp, kind: str, author: Json) -> Json:
    assigned = {"type": "team", "id": str(SECOND_LINE)} if kind == "assignment" else None
    return {
        "type": "conversation_part", "id": vendor_id("", f"{ticket.id} {number} {kind}", 10), "part_type": kind,
        "body": None if kind in ("close", "open", "assignment") else "<p>…</p>", "created_at": unix(at),
        "updated_at": unix(at), "author": author, "assigned_to": assigned,
    }  # fmt: skip


def _noise(company: Company) -> Iterator[Json]:
    """Yield conversations that are no tickets: begun by an admin, of the bot alone, of leads."""
    chances = company.chances(len(tickets(company)), "intercom", "noise")
    for number, (ticket, chance) in enumerate(zip(tickets(company), chances, strict=True), start=800_000):
        if chance > 0.06:
            continue
        base = {**conversation(company, ticket), "id": str(number), "conversation_rating": None}
        bot = _part(ticket, number, ticket.created + pd.Timedelta(seconds=3), "close", {"type": "bot", "id": "900000"})
        statistics = {**base["statistics"], "first_admin_reply_at": None, "first_close_at": bot["created_at"]}
        lead = {"type": "contact", "id": LEAD, "external_id": None}
        if chance < 0.02:
            yield {**base, "source": _source(ticket, "admin_initiated", base["contacts"]["contacts"][0])}
        elif chance < 0.04:
            source = _source(ticket, "operator_initiated", base["contacts"]["contacts"][0])
            yield {**base, "source": source, "conversation_parts": _list_of_parts([bot]), "statistics": statistics}
        else:
            source = _source(ticket, "customer_initiated", lead)
            yield {**base, "source": source, "contacts": {"type": "contact.list", "contacts": [lead]}}


def contacts(company: Company) -> list[Json]:
    """Return the users as contacts, and a lead."""
    return list(_contacts(company))


def _contacts(company: Company) -> Iterator[Json]:
    bare = without_external_id(company)
    for row in company.users.itertuples():
        of_company = {"type": "company", "id": company_id(row.account_id)}
        yield {
            "type": "contact", "id": contact_id(row.user_id), "role": "user",
            "external_id": None if row.user_id in bare else row.user_id, "email": row.email,
            "name": requesters(company)[row.user_id].name, "created_at": unix(row.joined_at),
            "companies": {"type": "list", "data": [of_company], "total_count": 1},
        }  # fmt: skip
    yield {
        "type": "contact", "id": LEAD, "role": "lead", "external_id": None, "email": "hello@someprospect.com",
        "name": "Prospect", "created_at": unix(company.first_day), "companies": {"type": "list", "data": []},
    }  # fmt: skip


def company_id(account: str) -> str:
    """Return Intercom's own id of an account, which is not the account's."""
    return vendor_id("", f"company {account}", 24)


def companies(company: Company) -> list[Json]:
    """Return the accounts as companies."""
    return list(_companies(company))


def _companies(company: Company) -> Iterator[Json]:
    last = company.tables["subscriptions"].sort_values("started_at").groupby("account_id").tail(1)
    spend = dict(zip(last["account_id"], last["mrr"], strict=True))
    for row in company.accounts.itertuples():
        yield {
            "type": "company", "id": company_id(row.account_id), "company_id": row.account_id, "name": row.name,
            "website": row.domain, "monthly_spend": int(spend.get(row.account_id, 0)),
            "created_at": unix(row.created_at),
        }  # fmt: skip
