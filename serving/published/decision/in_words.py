"""What the list says of contacts: how many are recommended, what they are worth, and what that assumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from undertow.serving.formatting import money, percent
from undertow.serving.published.decision.parts import ListPart
from undertow.serving.published.list_query import AtRiskQuery

LIST_NAMES = {"voluntary": "By choice", "involuntary": "By failed payment", "notice": "Gave notice"}
EVERYONE = {"cause": None, "notice": None}  # the filters that select a list, none of them set
VERDICTS = {"recommended": "Recommended", "over_budget": "Beyond the budget", "does_not_pay": "Does not pay"}


@dataclass(frozen=True)
class Tab:
    """One of the lists as a link above the table; `current`: whether the query selects it."""

    title: str
    accounts: int
    link: str
    current: bool


def tabs(parts: Sequence[ListPart], query: AtRiskQuery, root: str) -> list[Tab]:
    """Return the lists that hold accounts as links that keep the other filters of the query."""
    return [
        Tab(LIST_NAMES[part.name], part.accounts, query.link(root, **{**EVERYONE, **part.query, "offset": 0}),
            is_chosen(part, query))
        for part in parts
        if part.accounts
    ]  # fmt: skip


def is_chosen(part: ListPart, query: AtRiskQuery) -> bool:
    """Return whether a query is about this one of the lists."""
    return all(getattr(query, name) == part.query.get(name) for name in EVERYONE)


def chosen_parts(parts: Sequence[ListPart], query: AtRiskQuery) -> list[ListPart]:
    """Return the one of the lists that a query is about, or all."""
    return [part for part in parts if is_chosen(part, query)] or list(parts)


def contacts_of_query(parts: Sequence[ListPart], query: AtRiskQuery, manifest: Mapping[str, Any]) -> str:
    """Return what the list says of contacts with the parts that a query is about; empty where there are no parts."""
    return contacts_in_words(chosen_parts(parts, query), manifest) if parts else ""


def contacts_in_words(parts: Sequence[ListPart], manifest: Mapping[str, Any]) -> str:
    """Return how many contacts with the accounts of these lists are recommended, and what that assumes."""
    contact, currency = manifest["contact"], manifest["currency"]
    counts = {verdict: sum(part.verdicts[verdict] for part in parts) for verdict in VERDICTS}
    valued = sum(counts.values())
    if not valued:
        return "No contact is valued here: what it would save is not known."
    worth = money(sum(part.contact_value for part in parts), currency)
    beyond = f", {counts['over_budget']:,} more are beyond the budget" if counts["over_budget"] else ""
    unknown = sum(part.accounts for part in parts) - valued
    of_others = f", of {unknown:,} it is not known" if unknown else ""
    pay = f"{counts['recommended']:,} contacts recommended, worth {worth}{beyond}"
    return f"{pay}; {counts['does_not_pay']:,} do not pay{of_others}. {assumed_in_words(contact, currency)}"


def assumed_in_words(contact: Mapping[str, Any], currency: str) -> str:
    """Return the assumptions of [contact] as one sentence, saying which of them nobody stated."""
    save_rate, cost = percent(contact["save_rate"], 0), f"{currency} {contact['cost']:g}"
    default = {name: " (default)" if name in contact["assumed"] else "" for name in ("save_rate", "cost")}
    apart = f", other for {_names(contact['apart'])}" if contact["apart"] else ""
    budget = "" if contact["budget"] is None else f"; budget {contact['budget']:,} contacts"
    return (f"Assumed: a contact keeps {save_rate} of leavers{default['save_rate']} and costs {cost}{default['cost']}"
            f"{apart}{budget}.")  # fmt: skip


def _names(apart: Sequence[Mapping[str, Any]]) -> str:
    named = [f"the {each['column']} {each['value']}" for each in apart]
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
