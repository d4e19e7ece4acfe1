"""Writes Intercom's tables as Fivetran makes them, with the states of conversations.

The same company and noise as in module intercom. Files, as CSV: `intercom_conversation_history.csv` (the first and the
last state; the topic is the column `custom_topic`), `intercom_conversation_part_history.csv`,
`intercom_contact_history.csv`, `intercom_contact_company_history.csv`, `intercom_company_history.csv`. Times are UTC,
to the second.

What can come back: `expected_conversations`, module intercom's, but whether the priority was high when the conversation
began. There are no statistics: the first answer and the first close are those of the parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import intercom
from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, write_csv
from tests.features.connectors.company.zendesk_tickets import SECOND_LINE, tickets

__all__ = ["SECOND_LINE", "expected_conversations", "write"]
FOR_EVER = "9999-12-31 23:59:59"


def write(company: Company, folder: Path) -> None:
    """Write the tables."""
    high, conversations, contacts = _high_at_first(company), intercom.conversations(company), intercom.contacts(company)
    tables: dict[str, Iterable[Json]] = {
        "conversation": (row for each in conversations for row in _states(each, is_high=each["id"] in high)),
        "conversation_part": (row for each in conversations for row in _parts(each)),
        "contact": (_contact(each) for each in contacts),
        "contact_company": (row for each in contacts for row in _memberships(each)),
        "company": (_company(each) for each in intercom.companies(company)),
    }
    synced = _time(unix(company.end))
    for name, rows in tables.items():
        found = [{**row, "_fivetran_synced": synced} for row in rows]
        write_csv(folder / f"intercom_{name}_history.csv", list(found[0]), found)


def expected_conversations(company: Company) -> pd.DataFrame:
    """Return the canonical tickets as these tables can tell them; `is_priority` is that of the beginning."""
    rows = intercom.expected_conversations(company)
    return rows.assign(is_priority=rows["ticket_id"].isin(_high_at_first(company)))


def _high_at_first(company: Company) -> set[str]:
    return {str(each.id) for each in tickets(company) if each.fields(1)["priority"] in ("high", "urgent")}


def _time(seconds: int) -> str:
    return str(pd.Timestamp(seconds, unit="s").strftime("%Y-%m-%d %H:%M:%S"))


def _active(start: str, end: str = FOR_EVER) -> Json:
    return {"_fivetran_start": start, "_fivetran_end": end, "_fivetran_active": str(end == FOR_EVER).lower()}


def _states(each: Json, *, is_high: bool) -> Iterator[Json]:
    """Yield the first state of a conversation, which has no rating, and the last one."""
    source, rating = each["source"], each["conversation_rating"] or {}
    created, updated = _time(each["created_at"]), _time(each["updated_at"])
    same = {
        "id": each["id"], "created_at": created, "source_author_id": source["author"]["id"],
        "source_author_type": source["author"]["type"], "source_delivered_as": source["delivered_as"],
        "source_id": source["id"], "source_type": source["type"], "custom_topic": each["custom_attributes"]["Topic"],
    }  # fmt: skip
    none = {"conversation_rating_created_at": None, "conversation_rating_value": None}
    rated = {"conversation_rating_created_at": _time(rating["created_at"]) if rating else None,
             "conversation_rating_value": rating.get("rating")}  # fmt: skip
    first = "priority" if is_high else "not_priority"
    if updated != created:
        yield {**same, **none, "updated_at": created, "state": "open", "priority": first, **_active(created, updated)}
        first = each["priority"]
    yield {**same, **rated, "updated_at": updated, "state": each["state"], "priority": first, **_active(updated)}


def _parts(each: Json) -> Iterator[Json]:
    for part in each["conversation_parts"]["conversation_parts"]:
        assigned = part["assigned_to"] or {}
        yield {
            "id": f"{each['id']}-{part['id']}", "conversation_id": each["id"], "part_type": part["part_type"],
            "body": part["body"], "created_at": _time(part["created_at"]), "updated_at": _time(part["updated_at"]),
            "author_id": part["author"]["id"], "author_type": part["author"]["type"],
            "assigned_to_id": assigned.get("id"), "assigned_to_type": assigned.get("type"),
            **_active(_time(part["updated_at"])),
        }  # fmt: skip


def _contact(each: Json) -> Json:
    created = _time(each["created_at"])
    kept = {name: each[name] for name in ("id", "role", "external_id", "email", "name")}
    return {**kept, "created_at": created, "updated_at": created, **_active(created)}


def _memberships(each: Json) -> Iterator[Json]:
    created = _time(each["created_at"])
    for company in each["companies"]["data"]:
        yield {"company_id": company["id"], "contact_id": each["id"], "contact_updated_at": created, **_active(created)}


def _company(each: Json) -> Json:
    created = _time(each["created_at"])
    kept = {name: each[name] for name in ("id", "company_id", "name", "website", "monthly_spend")}
    return {**kept, "created_at": created, "updated_at": created, **_active(created)}
