"""Statuses of accounts: read, set in one transaction with a line of history, and listed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, nulls_last, or_, select

from undertow.features.errors import ChangedSince
from undertow.serving.team.answers import Status, StatusChange, Values
from undertow.serving.team.database import Database
from undertow.serving.team.requests import HistoryQuery, StatusQuery, StatusRequest, checked, most
from undertow.serving.team.tables import HISTORY, STATUSES

MOST_SHOWN = 100  # changes of one account
SAID = ("status", "until", "owner", "due", "note")


def statuses_of(database: Database, account_ids: Sequence[str], today: date) -> dict[str, Status]:
    """Return account id -> status of those that have one, by one indexed query. Raises TeamError."""
    if not account_ids:
        return {}
    with database.reading() as connection:
        found = connection.execute(select(STATUSES).where(STATUSES.c.account_id.in_(account_ids)))
        return {row.account_id: _status(row, today) for row in found}


def status_and_history(database: Database, account_id: str, today: date) -> tuple[Status, list[StatusChange]]:
    """Return the status of an account, open where none was set, and its last changes, the newest first."""
    with database.reading() as connection:
        row = _current(connection, account_id)
        lines = connection.execute(_changes(HISTORY.c.account_id == account_id).limit(MOST_SHOWN)).all()
    return Status(account_id) if row is None else _status(row, today), [_change(line) for line in lines]


def set_status(database: Database, account_id: str, request: StatusRequest, who: str, now: datetime) -> Status:
    """Set the status of an account, and write a line of its history; return the new one. `now`: with its time zone.

    Raises RequestError for what cannot be meant, ChangedSince where it is not the version that was seen, and
    TeamError; nothing is changed then.
    """
    request = checked(request, now.date())
    moment = now.replace(microsecond=0)
    with database.writing(account_id) as connection:
        row = _current(connection, account_id)
        before = 0 if row is None else row.version
        if request.version is not None and request.version != before:
            raise ChangedSince(_who_changed(row, now.date()))
        values = {
            **{name: getattr(request, name) for name in SAID},
            "version": before + 1, "changed_at": moment, "changed_by": who,
        }  # fmt: skip
        if row is None:
            connection.execute(STATUSES.insert().values(account_id=account_id, **values))
        else:
            connection.execute(STATUSES.update().where(STATUSES.c.account_id == account_id).values(values))
        connection.execute(HISTORY.insert().values(account_id=account_id, **values))
    return Status(account_id=account_id, **values)


def list_statuses(
    database: Database, query: StatusQuery, today: date, among: Collection[str] | None = None
) -> tuple[int, list[Status]]:
    """Return how many statuses match a query, and those of its page. `among`: accounts beside which there are none."""
    asked = select(STATUSES).where(*_conditions(query, today))
    asked = asked.order_by(nulls_last(STATUSES.c.due), STATUSES.c.account_id)
    with database.reading() as connection:
        total, rows = _page(connection, asked, query, among)
    return total, [_status(row, today) for row in rows]


def list_history(
    database: Database, query: HistoryQuery, among: Collection[str] | None = None
) -> tuple[int, list[StatusChange]]:
    """Return how many changes match a query, and those of its page, the newest first; `among`: as of the statuses."""
    conditions = [HISTORY.c.account_id.in_(query.account_id)] if query.account_id else []
    with database.reading() as connection:
        total, rows = _page(connection, _changes(*conditions), query, among)
    return total, [_change(row) for row in rows]


def _conditions(query: StatusQuery, today: date) -> list[ColumnElement[bool]]:
    table, found = STATUSES.c, []
    came_back = and_(table.status == "snoozed", table.until <= today)
    if query.status == "open":
        found.append(or_(table.status == "open", came_back))
    elif query.status == "snoozed":
        found.append(and_(table.status == "snoozed", table.until > today))
    elif query.status is not None:
        found.append(table.status == query.status)
    if query.owner is not None:
        found.append(table.owner == query.owner)
    if query.account_id:
        found.append(table.account_id.in_(query.account_id))
    return found


def _changes(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the question for changes, each with what the account's change before it said."""
    before = HISTORY.alias("before")
    joined = and_(before.c.account_id == HISTORY.c.account_id, before.c.version == HISTORY.c.version - 1)
    of_before = [before.c[name].label(f"before_{name}") for name in SAID]
    asked = select(HISTORY, *of_before).select_from(HISTORY.outerjoin(before, joined))
    return asked.where(*conditions).order_by(HISTORY.c.line.desc())


def _page(
    connection: Connection, asked: Select[Any], query: StatusQuery | HistoryQuery, among: Collection[str] | None
) -> tuple[int, Sequence[Row[Any]]]:
    limit = most(query)
    if among is not None:
        rows = [row for row in connection.execute(asked) if row.account_id in among]
        return len(rows), rows[query.offset :][:limit]
    total = connection.execute(select(func.count()).select_from(asked.order_by(None).subquery())).scalar_one()
    return total, connection.execute(asked.offset(query.offset).limit(limit)).all()


def _current(connection: Connection, account_id: str) -> Row[Any] | None:
    return connection.execute(select(STATUSES).where(STATUSES.c.account_id == account_id)).one_or_none()


def _status(row: Row[Any], today: date) -> Status:
    """Return a row as a status: a snoozed account is open from the day on that it was snoozed until."""
    values: dict[str, Any] = dict(row._mapping)
    came_back = row.status == "snoozed" and row.until <= today
    return Status(**values | {"status": "open" if came_back else row.status})


def _change(row: Row[Any]) -> StatusChange:
    after = Values(*(getattr(row, name) for name in SAID))
    before = Values(*(getattr(row, f"before_{name}") for name in SAID)) if row.before_status is not None else None
    return StatusChange(row.account_id, row.version, row.changed_at, row.changed_by, before, after)


def _who_changed(row: Row[Any] | None, today: date) -> str:
    if row is None:
        return "The status that was seen is not there. Look at the account again; nothing was changed."
    status = _status(row, today)
    return (
        f"{row.changed_by} set it to {status.status} at {row.changed_at:%Y-%m-%d %H:%M} UTC, after it was read. "
        f"Nothing was changed: look at that, and set it again (version {row.version})."
    )
