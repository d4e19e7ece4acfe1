"""Saved views: names for queries of the list, one's own ("my book") or shared with all keys."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace
from sqlalchemy import Row, or_, select

from undertow.features.errors import ChangedSince, RequestError, UnknownView, did_you_mean
from undertow.serving.formatting import short
from undertow.serving.published.list_query import AtRiskQuery, read_query
from undertow.serving.published.requests import trimmed
from undertow.serving.team.answers import View
from undertow.serving.team.database import Database
from undertow.serving.team.requests import ViewRequest
from undertow.serving.team.tables import VIEWS

LONGEST_QUERY = 2_000  # characters
MOST_VIEWS = 100  # of one key
NAME = re.compile(r"[^\W_](?:[\w .,:()&+'-]{0,58}[\w.)])?")


def list_views(database: Database, who: str, with_shared: bool) -> list[View]:
    """Return the views of a key, and those that others share, by name. Raises TeamError."""
    table = VIEWS.c
    seen = or_(table.made_by == who, table.shared) if with_shared else table.made_by == who
    with database.reading() as connection:
        rows = connection.execute(select(VIEWS).where(seen).order_by(table.name, table.made_by)).all()
    return [_view(row, who) for row in rows]


def find_view(database: Database, who: str, name: str, with_shared: bool) -> View:
    """Return the view of that name: one's own, or else the shared one. Raises UnknownView and TeamError."""
    views = list_views(database, who, with_shared)
    named = sorted((view for view in views if view.name == name), key=lambda view: not view.mine)
    if not named:
        near = did_you_mean(short(name), [view.name for view in views])
        raise UnknownView(f"No saved view is named '{short(name)}'.{near} GET /v1/views lists them.")
    return named[0]


def save_view(database: Database, who: str, name: str, request: ViewRequest, now: datetime) -> View:
    """Save a view under a name, over one's own of that name. `now`: with its time zone.

    Raises RequestError for a name or a query that cannot be, ChangedSince where another key shares a view of that
    name, and TeamError.
    """
    name, query = checked_name(name), checked_query(request.query)
    values = {"query": query, "shared": request.shared, "made_at": now.replace(microsecond=0)}
    mine = (VIEWS.c.made_by == who) & (VIEWS.c.name == name)
    with database.writing("views") as connection:
        rows = connection.execute(select(VIEWS).where(or_(VIEWS.c.made_by == who, VIEWS.c.shared))).all()
        theirs = next((row for row in rows if row.name == name and row.shared and row.made_by != who), None)
        if theirs is not None and request.shared:
            raise ChangedSince(f"{theirs.made_by} shares a view named '{name}' already. Choose another name.")
        if not connection.execute(VIEWS.update().where(mine).values(values)).rowcount:
            if sum(row.made_by == who for row in rows) >= MOST_VIEWS:
                raise RequestError(f"You have {MOST_VIEWS} saved views; remove one first.")
            connection.execute(VIEWS.insert().values(made_by=who, name=name, **values))
    return View(name, query, request.shared, True, who, values["made_at"])  # type: ignore[arg-type]


def remove_view(database: Database, who: str, name: str) -> View:
    """Remove one's own view, and return it. Raises UnknownView where there is none, and TeamError."""
    mine = (VIEWS.c.made_by == who) & (VIEWS.c.name == name)
    with database.writing("views") as connection:
        row = connection.execute(select(VIEWS).where(mine)).one_or_none()
        if row is None:
            raise UnknownView(f"You have no saved view named '{short(name)}'. Those of others stay.")
        connection.execute(VIEWS.delete().where(mine))
    return _view(row, who)


def checked_name(text: str) -> str:
    """Return the name of a view without blanks around it. Raises RequestError."""
    name = trimmed(text)
    if not NAME.fullmatch(name):
        raise RequestError(
            f"'{short(name)}' is no name of a view. Expected: 1 to 60 letters, digits, blanks and . , : ( ) & + ' -, "
            "beginning with a letter or a digit."
        )
    return name


def checked_query(text: str) -> str:
    """Return the query of a view in one form, without page, list and format. Raises RequestError for any other.

    >>> checked_query("?min_value=500&segment=Mid+market&offset=50")
    'segment=Mid+market&min_value=500.0'
    """
    if len(text) > LONGEST_QUERY:
        raise RequestError(f"query: expected at most {LONGEST_QUERY:,} characters, got {len(text):,}.")
    return query_text(read_query(parse_qsl(text.removeprefix("?"), keep_blank_values=True)))


def query_text(query: AtRiskQuery) -> str:
    """Return what a query of the list selects as the text of a view: what is not the default."""
    return replace(query.unwritten, offset=0, run=None).link("").removeprefix("?")


def _view(row: Row[Any], who: str) -> View:
    return View(row.name, row.query, row.shared, row.made_by == who, row.made_by, row.made_at)
