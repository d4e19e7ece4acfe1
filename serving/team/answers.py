"""Answers about statuses and views as types, from which the OpenAPI description is made."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from undertow.serving.published.answers import Count, Moment
from undertow.serving.team.requests import State


class Values(msgspec.Struct, frozen=True):
    """What a status says. `until`: of snoozed, the day on which the account is open again. `owner`: who works on it."""

    status: State = "open"
    until: date | None = None
    owner: str | None = None
    due: date | None = None
    note: str = ""


class Status(msgspec.Struct, frozen=True):
    """The status of an account today (UTC); one that was never set is open, with version 0.

    `until`: of a snoozed account, the day on which it is open again; of an open one, the day on which it came back.
    `owner`: who works on it. `changed_by`: the name of a key, "local" of an open service, or a user of the machine.
    `name`, `on_list`: of the account in the published list; an account that has left the list keeps its status.
    """

    account_id: str
    status: State = "open"
    until: date | None = None
    owner: str | None = None
    due: date | None = None
    note: str = ""
    version: Count = 0
    changed_at: Moment | None = None
    changed_by: str | None = None
    name: str | None = None
    on_list: bool | None = None


class StatusChange(msgspec.Struct, frozen=True):
    """One change of a status: who, when, what it was before (null where none was set), and what it is since."""

    account_id: str
    version: Annotated[int, Meta(ge=1)]
    changed_at: Moment
    changed_by: str
    before: Values | None
    after: Values


class AccountStatus(msgspec.Struct):
    """The status of an account and its history, the newest change first, at most 100."""

    status: Status
    history: list[StatusChange]


class StatusList(msgspec.Struct):
    """Statuses that were set, the earliest due first. `total`: of all that match, not of this page."""

    total: Count
    limit: Count
    offset: Count
    statuses: list[Status]


class StatusHistory(msgspec.Struct):
    """Changes of statuses, the newest first. `total`: of all that match, not of this page."""

    total: Count
    limit: Count
    offset: Count
    changes: list[StatusChange]


class View(msgspec.Struct, frozen=True):
    """A saved view: a name for a query of the list. `mine`: whether the caller made it; others' are shared."""

    name: str
    query: str
    shared: bool
    mine: bool
    made_by: str
    made_at: Moment


class ViewList(msgspec.Struct):
    """The views that a caller may use: its own, and those shared by others."""

    views: list[View]
