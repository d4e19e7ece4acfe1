"""Parts of the pages that the team's database adds: statuses, their form and history, saved views.

Pages are kept for a publication; these parts change at any time. A kept page holds their places as comments, which no
data can hold, and they are laid in when it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from urllib.parse import unquote

from undertow.serving.pages import STATUS_OF, TEAM_GOES_HERE, quoted, template_part
from undertow.serving.team.answers import Status, StatusChange, View
from undertow.serving.team.requests import LONGEST_NOTE, LONGEST_OWNER, STATES

PLACE = re.compile(re.escape(TEAM_GOES_HERE).encode() + rb"|" + STATUS_OF.format(id=r"([\w.~%-]+)").encode())
SHOWN = 80  # characters of a note in the list
UNREADABLE = "Statuses cannot be read now: {why}"


def accounts_with_place(html: bytes) -> list[str]:
    """Return the ids of the accounts in a page that have a place for their status."""
    return [unquote(place.decode()) for place in PLACE.findall(html) if place]


def laid_in(html: bytes, part: str, by_account: Mapping[str, str]) -> bytes:
    """Return a page with a part in its place, and the status of each account in that one's; none of which is missed."""

    def instead(place: re.Match[bytes]) -> bytes:
        return (by_account.get(unquote(place[1].decode()), "") if place[1] else part).encode()

    return PLACE.sub(instead, html)


def status_line(status: Status, today: date) -> str:
    """Return the status of an account for its row in the list."""
    return template_part("team/status.html", status=status, today=today, most=SHOWN)


def status_lines(statuses: Iterable[Status], today: date) -> dict[str, str]:
    """Return account id -> status for its row."""
    return {status.account_id: status_line(status, today) for status in statuses}


def account_part(
    root: str,
    status: Status,
    history: Sequence[StatusChange],
    today: date,
    csrf: str,
    refused: str = "",
    sent: Mapping[str, str] | None = None,
) -> str:
    """Return the status of an account, its history, and the form that sets it.

    `csrf`: the token of the form; without one it is not shown. `refused`: why a form came back; `sent`: what it held.
    """
    shown = {
        "status": status.status,
        "until": _iso(status.until) if status.status == "snoozed" else "",
        "due": _iso(status.due),
        "owner": status.owner or "",
        "note": status.note,
    }
    return template_part(
        "team/account.html",
        root=root,
        status=status,
        history=history,
        today=today,
        csrf=csrf,
        refused=refused,
        field={name: (sent or {}).get(name, "") for name in shown} if sent is not None else shown,
        states=STATES,
        longest_note=LONGEST_NOTE,
        longest_owner=LONGEST_OWNER,
    )


def without_status(why: str, *more: str) -> str:
    """Return the part of an account's page that says why there is no status to show."""
    return template_part("team/none.html", why=why, more=more)


def views_part(root: str, views: Sequence[View], query: str, csrf: str) -> str:
    """Return the saved views as links, and the form that saves the query that is shown; `csrf`: as above."""
    links = [(view, f"{root}?{view.query}" if view.query else root) for view in views]
    return template_part("team/views.html", root=root, links=links, query=query, csrf=csrf)


def unreadable(why: str) -> str:
    """Return the warning above the list that statuses cannot be read."""
    return template_part("team/unreadable.html", said=UNREADABLE.format(why=why))


def place_after(root: str, account_id: str) -> str:
    """Return the URL of an account's page at its status."""
    return f"{root}accounts/{quoted(account_id)}#status"


def _iso(day: date | None) -> str:
    return "" if day is None else day.isoformat()
