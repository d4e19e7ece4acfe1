"""Hand-computed examples of feature cards: the rows of one account as of AS_OF, and the columns they lead to.

ERRORS: one valid card, to be changed into others.
The functions below write such rows; a time is given as days before AS_OF, or as a datetime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log

import pytest

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.ux import errors

AS_OF = datetime(2024, 3, 31)
ERRORS = Feature("errors", "Errors met", "ux", "interaction", "count", errors.count(), windows=(7,), trend=30)
MICROSECOND = timedelta(microseconds=1)
JUST_BEFORE = AS_OF - MICROSECOND
RECORDED_LATE = {"recorded_at": AS_OF}  # as of AS_OF such a row is not known yet
Row = dict[str, object]
Rows = Mapping[str, Sequence[Row]]  # table -> rows


@dataclass(frozen=True)
class Example:
    """One example of a card: `why` it is there, the `rows` of an account by table, the `expected` values by column.

    `peers`: the rows of other accounts in the segment of this one. `others`: the rows of all other accounts there are,
    where the card fades; such an example is computed by itself.
    """

    card: str
    why: str
    rows: Rows
    expected: Mapping[str, object]
    peers: Sequence[Rows] = ()
    others: Sequence[Rows] = ()

    def __str__(self) -> str:
        return f"{self.card}: {self.why}"

    @property
    def nearly(self) -> dict[str, object]:
        """The expected values; numbers may differ by rounding."""
        return {name: _nearly(value) for name, value in self.expected.items()}


def _nearly(value: object) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, int | float) else value


ComputeExample = Callable[[Example], dict[str, object]]


def ago(days: float, hours: float = 0) -> datetime:
    """Return the moment so many days and hours before AS_OF; after it, where negative."""
    return AS_OF - timedelta(days=days, hours=hours)


def just_over(days: float) -> datetime:
    """Return the last moment that a window of so many days does not reach."""
    return ago(days) - MICROSECOND


def _at(when: float | datetime) -> datetime:
    return when if isinstance(when, datetime) else ago(when)


def faded(half_life: float, *ages: float) -> float:
    """Return how many rows of these ages, in days, count where one counts half after `half_life` days."""
    return sum(float(0.5 ** (age / half_life)) for age in ages)


def observed(half_life: float, days: float) -> float:
    """Return how many of the last `days` days count: the integral of what a row counts over its age."""
    return half_life / log(2) * (1 - faded(half_life, days))


# --- accounts, events ------------------------------------------------------------------------


def account(created: float, **more: object) -> Rows:
    """Return the account itself."""
    return {"accounts": [{"created_at": ago(created), **more}]}


def events(*lists: list[Row]) -> Rows:
    """Return lists of events as the events table."""
    return {"events": [row for rows in lists for row in rows]}


def of_kind(kind: str, *when: float | datetime, **more: object) -> list[Row]:
    """Return events of a kind, so many days ago."""
    return [{"kind": kind, "occurred_at": _at(moment), **more} for moment in when]


def visited(*when: float | datetime, **more: object) -> list[Row]:
    """Return the events that open visits, so many days ago; of no kind that anything else counts."""
    return of_kind("visit", *when, opens_visit=True, **more)


def viewed(when: float | datetime, *loads_ms: float | None) -> list[Row]:
    """Return page views at one moment, each with the time it took to load."""
    return [row for load in loads_ms for row in of_kind("page_view", when, duration_ms=load)]


def web_vital(name: str, when: float, *values: float | None) -> list[Row]:
    """Return readings of one web vital at one moment."""
    return [row for value in values for row in of_kind("web_vital", when, name=name, value=value)]


def by_users(*users: str, when: float = 1, kind: str = "page_view") -> list[Row]:
    """Return an event of each of these users."""
    return [row for user in users for row in of_kind(kind, when, user_id=user)]


def in_visits(kind: str, when: float, *sessions: str | None) -> list[Row]:
    """Return an event in each of these sessions."""
    return [row for session in sessions for row in of_kind(kind, when, session_id=session)]


# --- tickets, surveys ------------------------------------------------------------------------


def tickets(*lists: list[Row]) -> Rows:
    """Return lists of tickets as the tickets table."""
    return {"tickets": [row for rows in lists for row in rows]}


def opened(*when: float | datetime, **more: object) -> list[Row]:
    """Return tickets opened so many days ago."""
    return [{"opened_at": _at(moment), **more} for moment in when]


def timed(column: str, when: float, hours: float, **more: object) -> list[Row]:
    """Return a ticket whose time in `column` is so many days ago, so many hours after it was opened."""
    return [{"opened_at": ago(when, hours), column: ago(when), **more}]


def resolved(*when: float, **more: object) -> list[Row]:
    """Return tickets resolved so many days ago, a day after they were opened."""
    return [{"opened_at": ago(days + 1), "resolved_at": ago(days), **more} for days in when]


def rated(*when_and_csat: tuple[float, float]) -> list[Row]:
    """Return tickets opened 300 days ago and rated so many days ago."""
    return [{"opened_at": ago(300), "csat": csat, "csat_at": ago(when)} for when, csat in when_and_csat]


def surveys(*lists: list[Row]) -> Rows:
    """Return lists of surveys as the surveys table."""
    return {"surveys": [row for rows in lists for row in rows]}


def answered(kind: str, *when_and_score: tuple[float, float], **more: object) -> list[Row]:
    """Return surveys of a kind, each answered so many days ago and asked a day before; on their usual scale."""
    return [
        {"kind": kind, "asked_at": ago(when + 1), "responded_at": ago(when), "score": score, "scaled": score, **more}
        for when, score in when_and_score
    ]


def unanswered(*when: float | datetime, **more: object) -> list[Row]:
    """Return NPS surveys asked so many days ago and not answered, unless `more` holds the answer."""
    return [{"kind": "nps", "asked_at": _at(moment), **more} for moment in when]


# --- subscriptions, invoices, payments -------------------------------------------------------


def subscriptions(*rows: Row) -> Rows:
    """Return subscriptions as their table."""
    return {"subscriptions": rows}


def subscription(began: float | datetime, ended: float | datetime | None = None, **more: object) -> Row:
    """Return a subscription that began, and perhaps ended, so many days ago."""
    return {"started_at": _at(began), "ended_at": None if ended is None else _at(ended), "mrr": 0, **more}


def planned(*rows: Row) -> Rows:
    """Return announced changes as the table of planned changes."""
    return {"planned_changes": rows}


def announced(kind: str, when: float, takes_effect: float | datetime, mrr: float = 10, **more: object) -> Row:
    """Return a change of MRR that was announced, and takes effect, so many days ago; below 0: after AS_OF."""
    return {"kind": kind, "announced_at": ago(when), "takes_effect_at": _at(takes_effect), "mrr": mrr, **more}


def list_price_steps(*rows: Row) -> Rows:
    """Return steps of list prices as their table."""
    return {"price_steps": rows}


def list_price_step(rise: float, announced: float, takes_effect: float | datetime, **more: object) -> Row:
    """Return a step that was announced, and takes effect, so many days ago; below 0: after AS_OF."""
    return {"rise": rise, "announced_at": ago(announced), "takes_effect_at": _at(takes_effect), **more}


def cards(*rows: Row) -> Rows:
    """Return payment cards as their table."""
    return {"cards": rows}


def card(added: float, expires: float | datetime | None, **more: object) -> Row:
    """Return a card added so many days ago, that expires so many days ago; below 0: after AS_OF."""
    return {"added_at": ago(added), "expires_at": None if expires is None else _at(expires), **more}


def invoices(*rows: Row) -> Rows:
    """Return invoices as their table."""
    return {"invoices": rows}


def invoice(issued: float, due: float | datetime | None, paid: float | datetime | None = None, **more: object) -> Row:
    """Return an invoice issued, due and perhaps paid so many days ago."""
    return {"issued_at": ago(issued), "due_at": None if due is None else _at(due), "amount": 10, **more} | {
        "paid_at": None if paid is None else _at(paid)
    }


def payments(*lists: list[Row]) -> Rows:
    """Return lists of payment attempts as the payments table."""
    return {"payments": [row for rows in lists for row in rows]}


def attempted(succeeded: bool, *when: float | datetime, **more: object) -> list[Row]:
    """Return attempts to pay so many days ago."""
    return [{"attempted_at": _at(moment), "succeeded": succeeded, "kind": "attempt", **more} for moment in when]
