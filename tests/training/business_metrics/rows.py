"""Rows of the input tables whose metrics in March 2024 are computed by hand, and the number of a metric in March."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from undertow.training.business_metrics.monthly import BusinessMetrics, Number

SINCE, UNTIL = datetime(2024, 1, 1), datetime(2024, 7, 1)
MARCH, APRIL = datetime(2024, 3, 1), datetime(2024, 4, 1)
NOON = datetime(2024, 3, 10, 12)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
Row = dict[str, Any]
World = Mapping[str, Sequence[Row]]
MetricsOf = Callable[..., BusinessMetrics]


def march(found: BusinessMetrics, metric: str, group: str = "") -> Number:
    [number] = [number for number in found.line(metric, group) if number.month == MARCH]
    return number


def events(n: int, kind: str, at: datetime = NOON, **more: Any) -> list[Row]:
    return [{"account_id": f"a{i}", "occurred_at": at, "kind": kind, **more} for i in range(n)]


def lasting(kind: str, n: int) -> list[Row]:
    """Rows that took 1, 2, ... n milliseconds."""
    return [row | {"duration_ms": ms} for ms, row in enumerate(events(n, kind), 1)]


def visits(n: int, *kinds: str) -> list[Row]:
    return [row for kind in kinds for row in ({**one, "session_id": one["account_id"]} for one in events(n, kind))]


def vitals(name: str, *counts: tuple[int, float]) -> list[Row]:
    return [row for n, value in counts for row in events(n, "web_vital", name=name, value=value)]


def answers(kind: str, scale_max: float | None, *scores: float, times: int = 10) -> list[Row]:
    """Answers as they are loaded; `scaled`: carried from 1..scale_max to 1..5 (CSAT) or 1..7 (CES)."""
    usual = {"nps": 10, "csat": 5, "ces": 7}[kind]
    steps = 1 if kind == "nps" else (usual - 1) / ((scale_max or usual) - 1)
    return [
        {"account_id": f"a{i}", "asked_at": SINCE, "responded_at": NOON, "kind": kind, "score": score,
         "scale_max": scale_max, "scaled": score if kind == "nps" else 1 + steps * (score - 1)}
        for i in range(times)
        for score in scores
    ]  # fmt: skip


def ticket(number: int, **more: Any) -> Row:
    return {"account_id": f"a{number}", "ticket_id": f"t{number}-{len(more)}", "opened_at": NOON, **more}


def paid(account: str, mrr: float = 100, start: datetime = SINCE, end: datetime | None = None, **more: Any) -> Row:
    named = f"{account} {start:%d%H%M%S%f%m} {mrr}"
    return {"account_id": account, "subscription_id": named, "started_at": start, "ended_at": end, "mrr": mrr, **more}


def crowd(n: int, name: str = "stays", **more: Any) -> list[Row]:
    return [paid(f"{name}{i}", **more) for i in range(n)]


# 40 accounts at 100 when March begins: 30 stay, 5 grow, 3 shrink, 2 leave. 4 come and 1 comes back.
MOVING: list[Row] = [
    *crowd(30),
    *crowd(5, "grows", end=NOON), *crowd(5, "grows", mrr=150, start=NOON),
    *crowd(3, "shrinks", end=NOON), *crowd(3, "shrinks", mrr=50, start=NOON),
    *crowd(2, "leaves", end=NOON, end_reason="voluntary"),
    *crowd(4, "comes", mrr=70, start=NOON),
    paid("returns", 90, end=datetime(2024, 1, 20)), paid("returns", 60, start=NOON),
]  # fmt: skip
# Free users in March: 30 of whom 3 begin to pay within 30 days; 20 visitors of whom 2 join an account that does.
FREE: dict[str, list[Row]] = {
    "events": [row | {"user_id": f"u{i}", "platform": "web"} for i, row in enumerate(events(30, "login"))],
    "visitors": [{"event_id": f"v{i}", "user_id": f"v{i}", "occurred_at": NOON, "kind": "page_view", "platform": "ios"}
                 for i in range(20)],
    "users": [{"account_id": f"new{i}", "user_id": f"v{i}", "joined_at": NOON + 60 * DAY} for i in range(3)],
    "subscriptions": [
        *(paid(f"a{i}", start=NOON + TICK) for i in range(2)), paid("a2", start=NOON + 30 * DAY),
        paid("a3", start=NOON + 30 * DAY + TICK), paid("a4", mrr=0, start=NOON + DAY),
        *(paid(f"new{i}", start=NOON + 9 * DAY) for i in range(2)), paid("new2", start=NOON + 40 * DAY),
    ],
}  # fmt: skip
SHOWN = {"name": "banner"}
TICKETS = [ticket(i, resolved_at=NOON + (1 if i < 20 else 3) * HOUR) for i in range(40)]
REOPENED = [
    *(row | {"reopened_at": row["resolved_at"] + 14 * DAY} for row in TICKETS[:4]),
    *(row | {"reopened_at": row["resolved_at"] + 14 * DAY + TICK} for row in TICKETS[4:8]),
    *TICKETS[8:],
]
