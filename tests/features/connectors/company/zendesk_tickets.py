"""Zendesk's view of a company: organizations, users, and the history of every ticket.

The modules zendesk and zendesk_fivetran write this view in two formats. All times are cut to seconds, as Zendesk has
no finer ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from tests.features.connectors.company.company import Company

TOPIC_FIELD = 360_001_112_223  # id of the custom field that holds the topic
VIA = {"email": "email", "chat": "chat", "phone": "voice"}  # canonical channel -> Zendesk's
ESCALATED, MERGED = "escalated", "closed_by_merge"  # tags
FIRST_LINE, SECOND_LINE = 360_006_965_034, 360_006_965_099  # groups
NO_EXTERNAL_ID_SHARE = 0.05  # of organizations: only their domain names tell the account
SECOND, MINUTE = pd.Timedelta(seconds=1), pd.Timedelta(minutes=1)


@dataclass(frozen=True)
class Organization:
    """An organization; `external_id` is the account id, in lower case for half of them, or missing."""

    id: int
    name: str
    external_id: str | None
    domain: str
    account: str


@dataclass(frozen=True)
class User:
    """A requester or an agent; `external_id` is the product's user id."""

    id: int
    name: str
    email: str
    external_id: str | None
    organization: int | None
    role: str = "end-user"
    suspended: bool = False


@dataclass(frozen=True)
class Step:
    """What happened to a ticket at one moment: fields that changed, and a comment of its author (public or not)."""

    at: pd.Timestamp
    author: int
    changes: dict[str, str | None] = field(default_factory=dict)
    comment: str | None = None
    is_public: bool = True


@dataclass(frozen=True)
class Ticket:
    """A ticket and its steps, in order of time; the first one creates it."""

    id: int
    requester: User
    organization: int | None
    channel: str
    steps: tuple[Step, ...]
    minutes_to_reply: int | None = None
    minutes_to_resolution: int | None = None
    rating: int | None = None
    rated_at: pd.Timestamp | None = None
    offered_at: pd.Timestamp | None = None

    @property
    def created(self) -> pd.Timestamp:
        """Return when the ticket was opened."""
        return self.steps[0].at

    def fields(self, steps: int | None = None) -> dict[str, str | None]:
        """Return the fields as they stand after so many steps, or today."""
        return {name: value for step in self.steps[:steps] for name, value in step.changes.items()}


@cache
def organizations(company: Company) -> list[Organization]:
    """Return an organization per account; 5 % have no external id, and these have a domain of their own."""
    accounts, draw = company.accounts, company.draw("zendesk", "organizations")
    own_domain = np.flatnonzero(~accounts["domain_is_shared"])
    bare = set(draw.choice(own_domain, max(1, round(len(accounts) * NO_EXTERNAL_ID_SHARE)), replace=False))
    return [
        Organization(
            370_000_000 + number,
            row.name,
            None if number in bare else (row.account_id.lower() if number % 2 else row.account_id),
            row.domain,
            row.account_id,
        )
        for number, row in enumerate(accounts.itertuples(index=False))
    ]


@cache
def requesters(company: Company) -> dict[str, User]:
    """Return the users of the product by their id; 3 % have no organization, but an address at a domain of its own."""
    of_account = {each.account: each.id for each in organizations(company)}
    own_domain = set(company.accounts.loc[~company.accounts["domain_is_shared"], "account_id"])
    users = company.users
    found = {}
    for number, (row, chance) in enumerate(
        zip(users.itertuples(), company.chances(len(users), "zendesk", "users"), strict=True)
    ):
        is_lone = chance < 0.03 and not row.is_free_mail and row.account_id in own_domain
        name = row.email.split("@")[0].replace(".", " ").title()
        organization = None if is_lone else of_account[row.account_id]
        found[row.user_id] = User(396_000_000 + number, name, row.email, row.user_id, organization)
    return found


@cache
def agents(company: Company) -> list[User]:
    """Return the company's own agents; the first one is an admin."""
    return [
        User(row.agent_id, row.name, row.email, None, None, row.role) for row in company.agents.itertuples(index=False)
    ]


def outsiders(company: Company) -> list[User]:
    """Return people who are no customers: a prospect, and a suspended sender with a customer's domain."""
    domain = company.accounts["domain"].iloc[-1]
    return [
        User(398_000_001, "Prospect", "hello@someprospect.com", None, None),
        User(398_000_002, "Spammer", f"win@{domain}", None, None, suspended=True),
    ]


@cache
def tickets(company: Company) -> list[Ticket]:
    """Return the tickets of the canonical table, with their whole history."""
    rows, people = company.tables["tickets"], requesters(company)
    chances = company.chances(len(rows), "zendesk", "tickets")
    staff = company.draw("zendesk", "agents").integers(0, len(agents(company)), len(rows))
    return [
        _ticket(company, row, people[row.user_id], agents(company)[agent].id, chance)
        for row, agent, chance in zip(rows.itertuples(index=False), staff, chances, strict=True)
    ]


def ticket_number(ticket_id: str) -> int:
    """Return Zendesk's number of a canonical ticket id."""
    return 1000 + int(ticket_id.removeprefix("T-"))


def _ticket(company: Company, row: Any, requester: User, agent: int, chance: float) -> Ticket:
    cut = {name: getattr(row, name).floor("s") for name in ("opened_at", "first_response_at", "resolved_at", "csat_at")}
    steps = sorted(_steps(company, row, requester.id, agent, chance), key=lambda step: step.at)
    return Ticket(
        ticket_number(row.ticket_id),
        requester,
        None if chance % 0.1 < 0.005 else requester.organization,
        VIA[row.channel],
        tuple(steps),
        minutes_between(cut["opened_at"], cut["first_response_at"]),
        minutes_between(cut["opened_at"], cut["resolved_at"]),
        None if pd.isna(row.csat) else int(row.csat),
        None if pd.isna(row.csat) else cut["csat_at"],
        None if pd.isna(row.resolved_at) else cut["resolved_at"] + 20 * MINUTE,
    )


def minutes_between(start: pd.Timestamp, end: pd.Timestamp) -> int | None:
    """Return the whole minutes between two times, or None where the second is missing."""
    return None if pd.isna(end) else int((end - start) // MINUTE)


def _steps(company: Company, row: Any, requester: int, agent: int, chance: float) -> Iterator[Step]:
    """Yield what happened to a ticket, in no order."""
    opened, answered, resolved, reopened, escalated = (
        getattr(row, name).floor("s") if pd.notna(getattr(row, name)) else None
        for name in ("opened_at", "first_response_at", "resolved_at", "reopened_at", "escalated_at")
    )
    created = {"status": "new", "priority": row.priority, "group_id": str(FIRST_LINE), "tags": "from_product"}
    yield Step(opened, requester, {**created, str(TOPIC_FIELD): row.topic}, "It does not work as I expected.")
    if answered is not None:
        status = {"status": "open", "assignee_id": str(agent)} if answered != resolved else {}
        yield Step(answered, agent, status, "Thank you, we are looking into it.")
        if chance < 0.2:  # a note that the customer does not see
            yield Step(opened + (answered - opened) * 0.5 // SECOND * SECOND, agent, {}, "Seen this before.", False)
    if escalated is not None:
        raised = {"priority": "urgent"} if chance % 0.03 < 0.01 else {}
        yield Step(escalated, agent, {"tags": f"from_product {ESCALATED}", "group_id": str(SECOND_LINE), **raised})
    elif resolved is not None and chance > 0.95:  # another priority on the way
        yield Step(opened + (resolved - opened) * 0.9 // SECOND * SECOND, agent, {"priority": "urgent"})
    if resolved is None:
        return
    yield Step(resolved, agent, {"status": "solved"}, "This should be solved now.")
    last = resolved
    if reopened is not None:
        yield Step(reopened, requester, {"status": "open"}, "It is back.")
        last = reopened + pd.Timedelta(hours=26)
        if last < company.end:
            yield Step(last, agent, {"status": "solved"}, "Solved for good.")
    closed = last + pd.Timedelta(days=28)
    if closed < company.end:
        yield Step(closed, -1, {"status": "closed"})


@cache
def noise_tickets(company: Company) -> list[Ticket]:
    """Return tickets that are none of a customer: deleted, merged into another, asked by an agent, of outsiders."""
    real, staff = tickets(company), agents(company)
    prospect, spammer = outsiders(company)
    found = []
    for number, (ticket, chance) in enumerate(
        zip(real, company.chances(len(real), "zendesk", "noise"), strict=True), start=900_000
    ):
        at = ticket.created + pd.Timedelta(hours=3)
        first = Step(at, ticket.requester.id, ticket.steps[0].changes, "Hello?")
        own = replace(
            ticket, id=number, steps=(first,), minutes_to_reply=None, minutes_to_resolution=None, rating=None,
            rated_at=None, offered_at=None,
        )  # fmt: skip
        if chance < 0.02:
            found.append(replace(own, steps=(first, Step(at + 9 * MINUTE, staff[0].id, {"status": "deleted"}))))
        elif chance < 0.04:
            changes = {"status": "closed", "tags": f"from_product {MERGED}"}
            found.append(replace(own, steps=(first, Step(at + 9 * MINUTE, staff[0].id, changes))))
        elif chance < 0.06:
            found.append(replace(own, requester=staff[number % len(staff)]))
        elif chance < 0.07:
            found.append(replace(own, requester=spammer, organization=None))
        elif chance < 0.08:
            found.append(replace(own, requester=prospect, organization=None))
    return found


def expected_tickets(company: Company, *, history: bool = True, legacy_ratings: bool = False) -> pd.DataFrame:
    """Return the canonical tickets as Zendesk can tell them, times cut to seconds, under Zendesk's numbers.

    Without `history` (audits, or field history and comments), first answer and resolution are whole minutes after the
    opening, `reopened_at` and `escalated_at` are unknown, and `priority` is today's. With `legacy_ratings`, `csat` is
    5 or 1 (good: 4 and 5).
    """
    rows = company.tables["tickets"].copy()
    for column in rows.select_dtypes("datetime"):
        rows[column] = rows[column].dt.floor("s")
    rows["ticket_id"] = [str(ticket_number(each)) for each in rows["ticket_id"]]
    rows["csat_scale"] = np.where(rows["csat"].notna(), 5.0, np.nan)
    if legacy_ratings:
        rows["csat"] = rows["csat"].map(lambda score: 5.0 if score >= 4 else 1.0, na_action="ignore")
    if not history:
        for column in ("first_response_at", "resolved_at"):
            rows[column] = rows["opened_at"] + (rows[column] - rows["opened_at"]).dt.floor("min")
        rows["reopened_at"] = rows["escalated_at"] = pd.Series(pd.NaT, rows.index, dtype="datetime64[us]")
        rows["priority"] = [ticket.fields()["priority"] for ticket in tickets(company)]
    return rows


def expected_offered_surveys(company: Company) -> pd.DataFrame:
    """Return the CSAT surveys that legacy ratings show: one per resolved ticket that was offered one."""
    offered = [each for each in tickets(company) if is_offered(each)]
    return pd.DataFrame(
        {
            "ticket_id": [str(each.id) for each in offered],
            "user_id": [each.requester.external_id for each in offered],
            "asked_at": [each.offered_at for each in offered],
            "responded_at": [each.rated_at or pd.NaT for each in offered],
            "kind": "csat",
            "score": [np.nan if each.rating is None else (5.0 if each.rating >= 4 else 1.0) for each in offered],
        }
    )


def is_offered(ticket: Ticket) -> bool:
    """Return whether the requester was asked for a rating: all who gave one, and a third of the others."""
    return ticket.offered_at is not None and (ticket.rating is not None or ticket.id % 3 == 0)
