"""Every card of the catalogue by hand: a few rows, and the value of each of its columns.

Each example is an account of its own, and all of them are looked at from AS_OF in one query a plan. An example
with `peers` has a segment to itself: the account and one more for each entry there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import FEATURES, make_catalogue
from undertow.features.tables import TABLES

AS_OF = datetime(2024, 3, 31)
MOMENT = timedelta(microseconds=1)
COLUMNS: tuple[Column, ...] = make_catalogue(TABLES).columns
CARDS = {column.name: column.feature.name for column in COLUMNS}
Row = dict[str, object]
Tables = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Example:
    """Rows of one account, and what they make of the card's columns; `why`: what is to be seen."""

    card: str
    why: str
    rows: Tables
    expected: Mapping[str, object]
    peers: Sequence[Tables] = ()

    @property
    def account(self) -> str:
        return f"{self.card}: {self.why}"


def ago(days: float, hours: float = 0) -> datetime:
    """The moment so many days and hours before AS_OF; after it, where negative."""
    return AS_OF - timedelta(days=days, hours=hours)


JUST_BEFORE = AS_OF - MOMENT


def just_over(days: float) -> datetime:
    """The last moment that a window of so many days does not reach."""
    return ago(days) - MOMENT


def _at(when: float | datetime) -> datetime:
    return when if isinstance(when, datetime) else ago(when)


def met(kind: str, *when: float | datetime, **more: object) -> list[Row]:
    """Events of a kind, so many days ago."""
    return [{"kind": kind, "occurred_at": _at(moment), **more} for moment in when]


def events(*lists: list[Row]) -> Tables:
    return {"events": [row for rows in lists for row in rows]}


def viewed(when: float | datetime, *loads_ms: float | None) -> list[Row]:
    """Page views at one moment, each with the time it took to load."""
    return [row for load in loads_ms for row in met("page_view", when, duration_ms=load)]


def vital(name: str, when: float, *values: float | None) -> list[Row]:
    """Readings of one web vital at one moment."""
    return [row for value in values for row in met("web_vital", when, name=name, value=value)]


def people(*users: str, when: float = 1, kind: str = "page_view") -> list[Row]:
    """An event of each of these people."""
    return [row for user in users for row in met(kind, when, user_id=user)]


def visits(kind: str, when: float, *sessions: str | None) -> list[Row]:
    """An event in each of these sessions."""
    return [row for session in sessions for row in met(kind, when, session_id=session)]


def opened(*when: float | datetime, **more: object) -> list[Row]:
    """Tickets opened so many days ago."""
    return [{"opened_at": _at(moment), **more} for moment in when]


def tickets(*lists: list[Row]) -> Tables:
    return {"tickets": [row for rows in lists for row in rows]}


def handled(column: str, when: float, hours: float, **more: object) -> list[Row]:
    """A ticket for which the time in `column` came so many days ago, so many hours after it was opened."""
    return [{"opened_at": ago(when, hours), column: ago(when), **more}]


def resolved(*when: float, **more: object) -> list[Row]:
    """Tickets resolved so many days ago, a day after they were opened."""
    return [{"opened_at": ago(days + 1), "resolved_at": ago(days), **more} for days in when]


def rated(*when_and_csat: tuple[float, float]) -> list[Row]:
    """Tickets opened 300 days ago and rated so many days ago."""
    return [{"opened_at": ago(300), "csat": csat, "csat_at": ago(when)} for when, csat in when_and_csat]


def said(kind: str, *when_and_score: tuple[float, float], **more: object) -> list[Row]:
    """Answers to a survey, each so many days ago and asked a day before."""
    return [
        {"kind": kind, "asked_at": ago(when + 1), "responded_at": ago(when), "score": score, **more}
        for when, score in when_and_score
    ]


def asked(*when: float | datetime, **more: object) -> list[Row]:
    """Surveys asked and not answered."""
    return [{"kind": "nps", "asked_at": _at(moment), **more} for moment in when]


def surveys(*lists: list[Row]) -> Tables:
    return {"surveys": [row for rows in lists for row in rows]}


def subscribed(begun: float | datetime, ended: float | datetime | None = None, **more: object) -> Row:
    """A subscription that began, and perhaps ended, so many days ago."""
    return {"started_at": _at(begun), "ended_at": None if ended is None else _at(ended), "mrr": 0, **more}


def subscriptions(*rows: Row) -> Tables:
    return {"subscriptions": rows}


def billed(issued: float, due: float | datetime | None, paid: float | datetime | None = None, **more: object) -> Row:
    """A bill issued, due and perhaps paid so many days ago."""
    return {"issued_at": ago(issued), "due_at": None if due is None else _at(due), "amount": 10, **more} | {
        "paid_at": None if paid is None else _at(paid)
    }


def invoices(*rows: Row) -> Tables:
    return {"invoices": rows}


def paid(succeeded: bool, *when: float | datetime, **more: object) -> list[Row]:
    """Attempts to pay so many days ago."""
    return [{"attempted_at": _at(moment), "succeeded": succeeded, **more} for moment in when]


def payments(*lists: list[Row]) -> Tables:
    return {"payments": [row for rows in lists for row in rows]}


# --- ux: interactions ------------------------------------------------------------------------

LATE = {"recorded_at": AS_OF}  # by which time it is too late to count

UX = [
    Example(
        "errors", "windows begin with their first moment and end before as_of",
        events(met("error", AS_OF, JUST_BEFORE, 7, just_over(7), 30, just_over(30), 60, just_over(60), 90,
               just_over(90))),
        # 7 days: just before and 7. 30: just over 7 and 30 too. 90: all but the two outside.
        # before, [60, 30) days ago: just over 30 and 60. own, [90, 7): six in 83 days.
        {"errors_7": 2, "errors_30": 4, "errors_90": 8, "errors_trend_30": 4 - 2, "errors_own_7": 2 - 6 * 7 / 83},
    ),
    Example(
        "errors", "a row written down at as_of is not known yet",
        events(met("error", 1, **LATE), met("error", 2, recorded_at=JUST_BEFORE), met("error", 20, **LATE)),
        {"errors_7": 1, "errors_30": 1, "errors_90": 1, "errors_trend_30": 1, "errors_own_7": 1},
    ),
    Example("errors", "nothing at all is no error", {}, {"errors_7": 0, "errors_trend_30": 0, "errors_own_7": 0}),
    Example(
        "error_rate", "errors of the window over its pages",
        events(met("error", 1, 2, 10, 40), met("page_view", 1, 2, 3, 4, 10, 20, *[40] * 10)),
        {
            "error_rate_7": 2 / 4,
            "error_rate_30": 3 / 6,
            "error_rate_90": 4 / 16,
            "error_rate_trend_30": 0.5 - 1 / 10,
            "error_rate_own_7": 0.5 - 2 / 12,  # a rate is not scaled: 2 errors on 12 pages in the 83 days before
            "error_rate_peers_30": 0.5 - 0.2,  # the segment has 0.5, 0.2 and 0.1
        },
        peers=[events(met("error", 5, 6), met("page_view", *[5] * 10)),
                      events(met("error", 5), met("page_view", *[5] * 10))],
    ),
    Example(
        "error_rate", "errors without a page have no rate",
        events(met("error", 1), met("page_view", 8)),
        {"error_rate_7": None, "error_rate_30": 1.0, "error_rate_trend_30": None, "error_rate_own_7": None},
    ),
    Example(
        "errors_per_person", "three errors, two people active",
        events(met("error", 1, 2, 3, user_id="ann"), people("ben", "ben"), people("ann", when=40, kind="error")),
        {"errors_per_person_30": 3 / 2, "errors_per_person_90": 4 / 2, "errors_per_person_trend_30": 1.5 - 1 / 1},
    ),
    Example(
        "errors_per_person", "nobody is named",
        events(met("error", 1)),
        {"errors_per_person_30": None},
    ),
    Example(
        "people_with_errors", "whoever met two counts once",
        events(met("error", 1, 2, user_id="ann"), people("ben", kind="error"), people("cay", "dee"),
               people("eve", when=40, kind="error"), people("ann", when=40)),
        # before: of Ann and Eve, Eve met one. 90 days: Ann, Ben and Eve of five.
        {"people_with_errors_30": 2 / 4, "people_with_errors_90": 3 / 5, "people_with_errors_trend_30": 0.5 - 1 / 2},
    ),
    Example(
        "days_since_last_error", "the newest, to the hour",
        events(met("error", 40, ago(12, hours=6), 300), met("click", 1), met("error", 3, **LATE)),
        {"days_since_last_error": 12.25},
    ),
    Example(
        "days_since_last_error", "a year to the day",
        events(met("error", 365, 400)),
        {"days_since_last_error": 365},
    ),
    Example(
        "days_since_last_error", "over a year",
        events(met("error", just_over(365))),
        {"days_since_last_error": None},
    ),
    Example(
        "crashes", "per window",
        events(met("crash", 1, 7, 8, 31, 59, 60, 61), met("error", 1)),
        {"crashes_7": 2, "crashes_30": 3, "crashes_90": 7, "crashes_trend_30": 3 - 3},
    ),
    Example(
        "crash_free_visits", "two crashes of one visit are one bad visit of four",
        events(visits("crash", 1, "v1", "v1"), visits("page_view", 1, "v1", "v2", "v3", "v4"),
               visits("crash", 40, "v5"), visits("click", 40, "v5", "v6")),
        {
            "crash_free_visits_7": 3 / 4,
            "crash_free_visits_30": 3 / 4,
            "crash_free_visits_90": 4 / 6,
            "crash_free_visits_trend_30": 0.75 - 0.5,
        },
    ),
    Example("crash_free_visits", "no visit", events(met("crash", 1)), {"crash_free_visits_7": None}),
    Example(
        "load_time_median", "between the middle two; a page that was not timed is passed over",
        events(viewed(1, 1000, 3000, 2000, 9000, None), viewed(10, 500), viewed(40, 700)),
        {
            "load_time_median_7": 2500,
            "load_time_median_30": 2000,  # of 500, 1000, 2000, 3000, 9000
            "load_time_median_90": 1500,
            "load_time_median_trend_30": 2000 - 700,
        },
    ),
    Example(
        "load_time_p75", "three quarters of the way from the fastest to the slowest",
        events(viewed(1, 4000, 1000, 3000, 2000), viewed(10, 2000), viewed(40, 500, 1500)),
        {
            "load_time_p75_7": 3250,  # 3 steps x 0.75 = 2.25 steps up from 1000
            "load_time_p75_30": 3000,  # of 1000, 2000, 2000, 3000, 4000: 3 steps up
            "load_time_p75_90": 2500,  # of 500, 1000, 1500, 2000, 2000, 3000, 4000: 4.5 steps up
            "load_time_p75_trend_30": 3000 - 1250,  # before: 500, 1500
            "load_time_p75_own_7": 3250 - 1750,  # before: 500, 1500, 2000
            "load_time_p75_peers_30": 3000 - 2000,  # 3000 and 1000; who has no pages is no yardstick
        },
        peers=[events(viewed(5, 1000)), {}],
    ),
    Example(
        "load_time_p95", "nineteen twentieths of the way",
        events(viewed(1, 0, 1000), viewed(10, *range(1100, 3000, 100)), viewed(40, 100)),
        {
            "load_time_p95_7": 950,
            "load_time_p95_30": 2800,  # of 0, 1000, 1100, ..., 2900: 20 steps x 0.95 = 19 steps up
            "load_time_p95_90": 2795,  # of 0, 100, 1000, ..., 2900: 21 x 0.95 = 19.95 steps up from 0
            "load_time_p95_trend_30": 2800 - 100,
        },
    ),
    Example(
        "slow_load_share", "3 seconds are not over 3 seconds",
        events(viewed(1, 3000, 3000.1, 100, None), viewed(10, 9000), viewed(40, 9000)),
        {
            "slow_load_share_7": 1 / 4,
            "slow_load_share_30": 2 / 5,
            "slow_load_share_90": 3 / 6,
            "slow_load_share_trend_30": 2 / 5 - 1,
        },
    ),
    Example(
        "apdex", "satisfied up to 2 s, tolerating up to 8 s counts half",
        events(viewed(1, 1000, 2000, 2000.1, 8000, 8000.1, None), viewed(10, 500), viewed(40, 500)),
        {
            "apdex_7": (2 + 2 / 2) / 5,
            "apdex_30": (3 + 2 / 2) / 6,
            "apdex_90": (4 + 2 / 2) / 7,
            "apdex_trend_30": 4 / 6 - 1,
        },
    ),
    Example("apdex", "no load was timed", events(viewed(1, None)), {"apdex_30": None}),
    Example(
        "slowest_load", "per window",
        events(viewed(1, 100, 700, None), viewed(7, 800), viewed(30, 900), viewed(just_over(90), 9999)),
        {"slowest_load_7": 800, "slowest_load_30": 900, "slowest_load_90": 900},
    ),
    Example(
        "days_since_slowest_load", "of two that were equally slow the newest",
        events(viewed(50, 900), viewed(20, 900), viewed(5, 300), viewed(91, 9999)),
        {"days_since_slowest_load_90": 20},
    ),
    Example(
        "lcp_p75", "one vital is not another",
        events(vital("LCP", 1, 1000, 2000, 3000, 4000), vital("LCP", 40, 500), vital("INP", 1, 9999)),
        # 90 days: 500, 1000, 2000, 3000, 4000.
        {"lcp_p75_30": 3250, "lcp_p75_90": 3000, "lcp_p75_trend_30": 3250 - 500},
    ),
    Example(
        "good_lcp_share", "2.5 s is still good",
        events(vital("LCP", 1, 2500, 2500.1), vital("LCP", 40, 100), vital("CLS", 1, 0.0)),
        {"good_lcp_share_30": 1 / 2, "good_lcp_share_90": 2 / 3},
    ),
    Example(
        "poor_lcp_share", "4 s is not yet poor",
        events(vital("LCP", 1, 4000, 4000.1), vital("LCP", 40, 9000)),
        {"poor_lcp_share_30": 1 / 2, "poor_lcp_share_90": 2 / 3},
    ),
    Example(
        "inp_p75", "per window",
        events(vital("INP", 1, 100, 300), vital("INP", 40, 500)),
        {"inp_p75_30": 250, "inp_p75_90": 400, "inp_p75_trend_30": 250 - 500},
    ),
    Example(
        "good_inp_share", "200 ms is still good",
        events(vital("INP", 1, 200, 200.1), vital("INP", 40, 500)),
        {"good_inp_share_30": 1 / 2, "good_inp_share_90": 1 / 3},
    ),
    Example(
        "poor_inp_share", "500 ms is not yet poor",
        events(vital("INP", 1, 500, 500.1), vital("INP", 40, 500)),
        {"poor_inp_share_30": 1 / 2, "poor_inp_share_90": 1 / 3},
    ),
    Example(
        "cls_p75", "a shift has no unit",
        events(vital("CLS", 1, 0.0, 0.2), vital("CLS", 40, 0.1)),
        {"cls_p75_30": 0.15, "cls_p75_90": 0.15, "cls_p75_trend_30": 0.05},
    ),
    Example("cls_p75", "no CLS was reported", events(vital("LCP", 1, 2500)), {"cls_p75_30": None}),
    Example(
        "good_cls_share", "0.1 is still good",
        events(vital("CLS", 1, 0.1, 0.11), vital("CLS", 40, 0.3)),
        {"good_cls_share_30": 1 / 2, "good_cls_share_90": 1 / 3},
    ),
    Example(
        "poor_cls_share", "0.25 is not yet poor",
        events(vital("CLS", 1, 0.25, 0.26), vital("CLS", 40, 0.3)),
        {"poor_cls_share_30": 1 / 2, "poor_cls_share_90": 2 / 3},
    ),
    Example(
        "rage_clicks_per_visit", "three in two visits",
        events(visits("rage_click", 1, "v1", "v1", "v2"), visits("page_view", 10, "v3"),
               visits("rage_click", 40, "v4")),
        {
            "rage_clicks_per_visit_7": 3 / 2,
            "rage_clicks_per_visit_30": 3 / 3,
            "rage_clicks_per_visit_90": 4 / 4,
            "rage_clicks_per_visit_trend_30": 0,
        },
    ),
    Example(
        "dead_clicks_per_visit", "a visit that goes on for days is one in each window",
        events(visits("dead_click", 1, "v1"), visits("click", 1, "v2"), visits("dead_click", 10, "v1"),
               visits("dead_click", 40, "v1", "v1")),
        {
            "dead_clicks_per_visit_7": 1 / 2,
            "dead_clicks_per_visit_30": 2 / 2,
            "dead_clicks_per_visit_90": 4 / 2,
            "dead_clicks_per_visit_trend_30": 1 - 2 / 1,
        },
    ),
    Example(
        "click_through_rate", "clicks over what was shown",
        events(met("impression", *[1] * 8, 10, 10, *[40] * 5), met("click", 1, 1, 10, 40)),
        {
            "click_through_rate_7": 2 / 8,
            "click_through_rate_30": 3 / 10,
            "click_through_rate_90": 4 / 15,
            "click_through_rate_trend_30": 0.3 - 1 / 5,
        },
    ),
    Example("click_through_rate", "nothing was shown", events(met("click", 1)), {"click_through_rate_7": None}),
    # --- ux: journeys
    Example(
        "tasks_started", "per window",
        events(met("task_started", 1, 7, 30, 31, 45, 90), met("task_completed", 1)),
        {"tasks_started_7": 2, "tasks_started_30": 3, "tasks_started_90": 6, "tasks_started_trend_30": 3 - 2},
    ),
    Example(
        "task_failures", "against its own level of the 83 days before",
        events(met("task_failed", 1, 2, 3, 8, 31)),
        {
            "task_failures_7": 3,
            "task_failures_30": 4,
            "task_failures_90": 5,
            "task_failures_trend_30": 4 - 1,
            "task_failures_own_7": 3 - 2 * 7 / 83,
        },
    ),
    Example(
        "task_success_rate", "completed over started, whatever else became of them",
        events(met("task_started", 1, 2, 3, 4, 10, 10, 40, 40), met("task_completed", 1, 2, 3, 10, 40)),
        {
            "task_success_rate_7": 3 / 4,
            "task_success_rate_30": 4 / 6,
            "task_success_rate_90": 5 / 8,
            "task_success_rate_trend_30": 4 / 6 - 1 / 2,
            "task_success_rate_own_7": 3 / 4 - 2 / 4,
            "task_success_rate_peers_30": 4 / 6 - 4 / 6,  # it is itself the median of 1, 4/6 and 0
        },
        peers=[events(met("task_started", 5), met("task_completed", 5)), events(met("task_started", 5))],
    ),
    Example(
        "task_failure_rate", "failed over started",
        events(met("task_started", 1, 2, 10, 40, 41), met("task_failed", 1, 10, 40)),
        {
            "task_failure_rate_7": 1 / 2,
            "task_failure_rate_30": 2 / 3,
            "task_failure_rate_90": 3 / 5,
            "task_failure_rate_trend_30": 2 / 3 - 1 / 2,
        },
    ),
    Example(
        "tasks_never_finished", "below 0 is 0, as for tasks begun before the window",
        events(met("task_completed", 1, 1), met("task_started", 1, 10, 10, 10, 40, 40), met("task_failed", 40)),
        {
            "tasks_never_finished_7": 0,  # 1 - 2
            "tasks_never_finished_30": 2,  # 4 - 2
            "tasks_never_finished_90": 3,  # 6 - 2 - 1
            "tasks_never_finished_trend_30": 2 - 1,  # before: 2 - 1
        },
    ),
    Example(
        "tasks_done_elsewhere", "failed on one platform, done on another",
        events(
            met("task_failed", 5, name="export", platform="phone"),
            met("task_completed", 4, name="export", platform="web"),
            met("task_failed", 5, name="import", platform="web"),
            met("task_completed", 4, name="import", platform="web"),
            met("task_failed", 5, name="print", platform="phone"), met("task_started", 4, name="print", platform="web"),
            met("task_completed", 9, name="share", platform="web"),
            met("task_failed", 40, name="share", platform="phone"),
        ),
        # Only the export in 30 days; with the failure of 40 days ago also the share.
        {"tasks_done_elsewhere_30": 1, "tasks_done_elsewhere_90": 2},
    ),
    Example(
        "task_margin", "mean over the completed ones that say it",
        events(met("task_completed", 1, value=3), met("task_completed", 2, value=-1), met("task_completed", 3),
               met("task_completed", 40, value=10), met("task_failed", 1, value=99)),
        {"task_margin_30": 1, "task_margin_90": 4},
    ),
    Example("task_margin", "none says it", events(met("task_completed", 1)), {"task_margin_30": None}),
    Example(
        "time_on_task", "median of completed tasks",
        events(met("task_completed", 1, duration_ms=60_000), met("task_completed", 1, duration_ms=90_000),
               met("task_completed", 10, duration_ms=30_000), met("task_completed", 40, duration_ms=10_000),
               met("task_failed", 1, duration_ms=1)),
        {
            "time_on_task_7": 75_000,
            "time_on_task_30": 60_000,
            "time_on_task_90": 45_000,
            "time_on_task_trend_30": 60_000 - 10_000,
        },
    ),
    Example(
        "days_since_last_task_failure", "a success since then does not count",
        events(met("task_failed", 200, 100), met("task_completed", 1)),
        {"days_since_last_task_failure": 100},
    ),
    Example(
        "worst_visit", "all troubles of a visit together",
        events(visits("error", 1, "v1"), visits("rage_click", 2, "v2", "v2"), visits("crash", 2, "v2"),
               visits("page_view", 1, *["v1"] * 9), visits("dead_click", 10, *["v3"] * 4),
               visits("task_failed", 40, "v1")),
        # 7 days: v2 has 3. 30 days: v3 has 4. 90 days: v1 has only 2 by then.
        {"worst_visit_7": 3, "worst_visit_30": 4, "worst_visit_90": 4},
    ),
    Example("worst_visit", "trouble without a visit", events(met("error", 1)), {"worst_visit_7": 0}),
    Example(
        "days_since_worst_visit", "since its last trouble; of two equally bad ones the newest",
        events(visits("error", 30, "v1", "v1"), visits("error", 21, "v2"), visits("crash", 20, "v2"),
               visits("error", 1, "v3")),
        {"days_since_worst_visit_90": 20},
    ),
    Example(
        "days_since_worst_visit", "no visit had any trouble",
        events(visits("page_view", 1, "v1"), met("error", 1), visits("error", 91, "v2")),
        {"days_since_worst_visit_90": None},
    ),
]  # fmt: skip

# --- cx: tickets and answers -----------------------------------------------------------------

CX = [
    Example(
        "tickets_opened", "against its own 60 days before, and its segment",
        tickets(opened(1, 7, 20, 30, 31, 60, 90, just_over(90)), opened(2, **LATE)),
        {
            "tickets_opened_7": 2,
            "tickets_opened_30": 4,
            "tickets_opened_90": 7,
            "tickets_opened_trend_30": 4 - 2,
            "tickets_opened_own_30": 4 - 3 * 30 / 60,  # three in [90, 30) days ago, scaled to 30 days
            "tickets_opened_peers_30": 4 - 1,  # the segment opened 4, 1 and 0
        },
        peers=[tickets(opened(3)), {}],
    ),
    Example(
        "urgent_tickets", "urgent or high",
        tickets(opened(1, 10, priority="urgent"), opened(2, 40, priority="high"), opened(1, priority="low"), opened(1)),
        {"urgent_tickets_7": 2, "urgent_tickets_30": 3, "urgent_tickets_90": 4, "urgent_tickets_trend_30": 3 - 1},
    ),
    Example(
        "tickets_open", "resolved at as_of is still open; a year back at most",
        tickets(opened(5), opened(10, resolved_at=AS_OF), opened(20, resolved_at=ago(1)),
                opened(40, resolved_at=ago(30)),
                opened(365), opened(just_over(365))),
        # 30 days ago: that of 40 (not resolved before then), and both old ones, less than a year old then.
        {"tickets_open": 3, "tickets_open_change_30": 3 - 3},
    ),
    Example(
        "oldest_open_ticket", "what was opened before it is resolved",
        tickets(opened(100, resolved_at=JUST_BEFORE), opened(ago(50, hours=12)), opened(3)),
        {"oldest_open_ticket": 50.5},
    ),
    Example("oldest_open_ticket", "none is open", tickets(resolved(3)), {"oldest_open_ticket": None}),
    Example(
        "days_since_last_ticket", "two years to the day",
        tickets(opened(730, 800)),
        {"days_since_last_ticket": 730},
    ),
    Example(
        "days_since_last_ticket", "over two years",
        tickets(opened(just_over(730))),
        {"days_since_last_ticket": None},
    ),
    Example(
        "days_since_last_ticket", "the newest known",
        tickets(opened(9, 90), opened(2, **LATE)),
        {"days_since_last_ticket": 9},
    ),
    Example(
        "first_response_time", "by the day of the answer; an unanswered ticket has no time",
        tickets(handled("first_response_at", 1, hours=2), handled("first_response_at", 3, hours=5), opened(1),
                handled("first_response_at", 20, hours=48), handled("first_response_at", 40, hours=100),
                opened(1, first_response_at=AS_OF)),
        {
            "first_response_time_7": 3.5,
            "first_response_time_30": 55 / 3,
            "first_response_time_90": 155 / 4,
            "first_response_time_trend_30": 55 / 3 - 100,
            "first_response_time_peers_90": 155 / 4 - (155 / 4 + 1) / 2,  # between 1 h and 38.75 h; the third has none
        },
        peers=[tickets(handled("first_response_at", 80, hours=1)), tickets(handled("first_response_at", 91, hours=1))],
    ),
    Example(
        "resolution_time", "of those resolved by then",
        tickets(handled("resolved_at", 1, hours=10), handled("resolved_at", 2, hours=20),
                handled("resolved_at", 10, hours=60),
                handled("resolved_at", 40, hours=24), opened(80)),
        {
            "resolution_time_7": 15,
            "resolution_time_30": 30,
            "resolution_time_90": 114 / 4,
            "resolution_time_trend_30": 30 - 24,
            "resolution_time_peers_90": 28.5 - 28.5,  # the segment has 28.5, 100 and 2
        },
        peers=[tickets(handled("resolved_at", 89, hours=100)), tickets(handled("resolved_at", 1, hours=2))],
    ),
    Example("resolution_time", "none was resolved", tickets(opened(80)), {"resolution_time_90": None}),
    Example(
        "reopened_tickets", "by the day it was reopened, not opened",
        tickets(opened(200, reopened_at=ago(30)), opened(200, reopened_at=just_over(30)), opened(5, reopened_at=AS_OF)),
        {"reopened_tickets_30": 1, "reopened_tickets_90": 2},
    ),
    Example(
        "reopen_rate", "reopened in the window, of those resolved in it",
        tickets(resolved(2, 3, 4, 40, 41), opened(100, reopened_at=ago(5)), opened(100, reopened_at=ago(50))),
        {"reopen_rate_30": 1 / 3, "reopen_rate_90": 2 / 5, "reopen_rate_trend_30": 1 / 3 - 1 / 2},
    ),
    Example("reopen_rate", "none was resolved", tickets(opened(9, reopened_at=ago(5))), {"reopen_rate_30": None}),
    Example(
        "escalated_tickets", "by the day it was escalated",
        tickets(opened(200, escalated_at=ago(1)), opened(3, escalated_at=ago(2)), opened(200, escalated_at=ago(89))),
        {"escalated_tickets_30": 2, "escalated_tickets_90": 3},
    ),
    Example(
        "escalation_rate", "escalated in the window, of those opened in it",
        tickets(opened(1, 2, 3), opened(20, escalated_at=ago(19)), opened(50, 55, escalated_at=ago(45))),
        {"escalation_rate_30": 1 / 4, "escalation_rate_90": 3 / 6, "escalation_rate_trend_30": 1 / 4 - 2 / 2},
    ),
    Example(
        "ticket_csat", "by the day of the rating",
        tickets(rated((1, 5), (30, 2), (31, 4), (100, 1), (180, 3)), opened(9, csat=1, csat_at=AS_OF)),
        {
            "ticket_csat_30": 3.5,
            "ticket_csat_90": 11 / 3,
            "ticket_csat_180": 3,
            "ticket_csat_trend_90": 11 / 3 - 2,
        },
    ),
    Example(
        "ticket_csat", "a rating without a day of its own came with the resolution",
        tickets(resolved(3, csat=4), opened(9, csat=1)),
        {"ticket_csat_30": 4},
    ),
    Example(
        "satisfied_tickets", "4 and 5 of 5",
        tickets(rated((1, 5), (2, 4), (3, 3), (100, 1)), opened(9)),
        {"satisfied_tickets_90": 2 / 3, "satisfied_tickets_180": 2 / 4},
    ),
    Example("satisfied_tickets", "none was rated", tickets(opened(9)), {"satisfied_tickets_90": None}),
    Example(
        "nps_latest", "the newest answer now, and half a year ago",
        surveys(said("nps", (10, 8), (100, 5), (185, 3)), said("csat", (1, 1)), asked(1)),
        {"nps_latest": 8, "nps_latest_change_180": 8 - 3},
    ),
    Example(
        "nps_latest", "an answer is known from when it was given, and forgotten after two years",
        surveys(asked(20, responded_at=AS_OF, score=2), said("nps", (731, 9))),
        {"nps_latest": None, "nps_latest_change_180": None},
    ),
    Example(
        "nps_mean", "per window",
        surveys(said("nps", (1, 10), (89, 6), (90, 5), (91, 9), (180, 1), (200, 2), (365, 0))),
        {
            "nps_mean_90": 7,
            "nps_mean_180": 31 / 5,
            "nps_mean_365": 33 / 7,
            "nps_mean_trend_90": 7 - 5,
        },
    ),
    Example(
        "nps_promoters", "9 and 10",
        surveys(said("nps", (1, 9), (180, 10), (1, 8), (181, 9))),
        {"nps_promoters_180": 2},
    ),
    Example("nps_passives", "7 and 8", surveys(said("nps", (1, 6), (1, 7), (1, 8), (1, 9))), {"nps_passives_180": 2}),
    Example(
        "nps_detractors", "0 to 6",
        surveys(said("nps", (1, 0), (1, 6), (1, 7)), said("ces", (1, 1)), asked(1)),
        {"nps_detractors_180": 2},
    ),
    Example(
        "nps", "promoters less detractors, of all",
        surveys(said("nps", (1, 10), (2, 9), (3, 9), (4, 7), (5, 3), (200, 0), (201, 0), (202, 8))),
        {"nps_180": (3 - 1) / 5, "nps_365": (3 - 3) / 8},
    ),
    Example("nps", "no answer", surveys(said("nps", (366, 10))), {"nps_365": None}),
    Example(
        "csat_mean", "per window",
        surveys(said("csat", (1, 5), (29, 4), (30, 3), (89, 1), (90, 2), (170, 3))),
        {"csat_mean_30": 4, "csat_mean_90": 3, "csat_mean_180": 3, "csat_mean_trend_90": 3 - 3},
    ),
    Example(
        "csat_satisfied", "of 5, or of the scale that the answer states",
        surveys(said("csat", (1, 5), (2, 4), (3, 3)), said("csat", (4, 9), (5, 8), scale_max=10),
                said("csat", (100, 6), scale_max=7)),
        {"csat_satisfied_90": 3 / 5, "csat_satisfied_180": 4 / 6},
    ),
    Example(
        "ces_mean", "per window",
        surveys(said("ces", (1, 2), (89, 5), (91, 5)), said("csat", (1, 1))),
        {"ces_mean_90": 3.5, "ces_mean_180": 4},
    ),
    Example(
        "surveys_answered", "by the day of the answer, of whatever kind",
        surveys(said("nps", (1, 9)), said("csat", (90, 3), (100, 3)), asked(1), asked(9, responded_at=AS_OF, score=4)),
        {"surveys_answered_90": 2, "surveys_answered_180": 3},
    ),
    Example(
        "surveys_unanswered", "by the day of the question; an answer at as_of has not come",
        surveys(asked(1, 90, 91, 180), asked(3, responded_at=AS_OF, score=9), asked(3, **LATE), said("nps", (1, 9))),
        {"surveys_unanswered_90": 3, "surveys_unanswered_180": 5},
    ),
    Example(
        "days_since_last_survey", "since the answer, not the question",
        surveys(asked(9, responded_at=ago(4), score=1), asked(2)),
        {"days_since_last_survey": 4},
    ),
    Example(
        "days_since_last_survey", "none in two years",
        surveys(said("nps", (731, 9))),
        {"days_since_last_survey": None},
    ),
]  # fmt: skip

# --- usage -----------------------------------------------------------------------------------

USAGE = [
    Example(
        "visits", "a session is one visit, however much was done in it",
        events(visits("click", 1, "v1", "v1", "v2", None), visits("error", 10, "v1", "v3"),
               visits("login", 40, "v1", "v4")),
        {
            "visits_7": 2,
            "visits_30": 3,
            "visits_90": 4,
            "visits_trend_30": 3 - 2,
            "visits_peers_30": 3 - 2,  # the segment has 3, 2 and 1
        },
        peers=[events(visits("click", 30, "w1", "w2")), events(visits("click", 3, "w3", "w3"))],
    ),
    Example(
        "page_views", "per window",
        events(met("page_view", 1, 2, 8, 31, 45, 89), met("click", 1)),
        {
            "page_views_7": 2,
            "page_views_30": 3,
            "page_views_90": 6,
            "page_views_trend_30": 3 - 2,
            "page_views_own_7": 2 - 4 * 7 / 83,
        },
    ),
    Example(
        "page_views_per_visit", "over all visits, those without a page too",
        events(visits("page_view", 1, "v1", "v1", "v1"), visits("login", 1, "v2"), visits("page_view", 10, "v2"),
               visits("page_view", 40, "v1")),
        {
            "page_views_per_visit_7": 3 / 2,
            "page_views_per_visit_30": 4 / 2,
            "page_views_per_visit_90": 5 / 2,
            "page_views_per_visit_trend_30": 2 - 1 / 1,
        },
    ),
    Example(
        "page_views_per_visit", "pages without a visit",
        events(met("page_view", 1)),
        {"page_views_per_visit_7": None},
    ),
    Example(
        "active_days", "a day begins at midnight UTC",
        events(met("click", ago(1), ago(1) - MOMENT, ago(0, hours=1), 8, ago(8, hours=-3), 40)),
        # one day ago at midnight and an hour before as_of are one day, a moment before midnight is another.
        {
            "active_days_7": 2,
            "active_days_30": 3,
            "active_days_90": 4,
            "active_days_trend_30": 3 - 1,
            "active_days_peers_30": 3 - 3,  # the segment has 3, 5 and 0
        },
        peers=[events(met("click", 1, 2, 3, 4, 5)), {}],
    ),
    Example(
        "active_users", "who is named",
        events(people("ann", "ann", "ben"), met("click", 1), people("cay", when=10), people("ann", "dee", when=40)),
        {"active_users_7": 2, "active_users_30": 3, "active_users_90": 4, "active_users_trend_30": 3 - 2},
    ),
    Example(
        "seats_active_share", "over the seats at each end of time",
        events(people("ann", "ben"), people("cay", when=10), people("ann", when=40))
        | subscriptions(subscribed(200, 20, seats=4), subscribed(20, seats=5), subscribed(20, seats=1)),
        {
            "seats_active_share_7": 2 / 6,
            "seats_active_share_30": 3 / 6,
            "seats_active_share_90": 3 / 6,
            "seats_active_share_trend_30": 3 / 6 - 1 / 4,  # 30 days ago 4 seats were paid for
            "seats_active_share_peers_30": 0.5 - 0.75,  # between its own 0.5 and 1; the third states no seats
        },
        peers=[events(people("dee")) | subscriptions(subscribed(9, seats=1)), events(people("eve"))],
    ),
    Example(
        "champion_share", "of what somebody did",
        events(people("ann", "ann", "ann", "ben"), met("click", 1), people("ben", "ben", "ben", when=40)),
        {"champion_share_30": 3 / 4, "champion_share_90": 4 / 7},
    ),
    Example("champion_share", "nobody is named", events(met("click", 1)), {"champion_share_30": None}),
    Example(
        "champion_quiet_days", "since the most active person was last seen",
        events(people("ann", when=80), people("ann", when=60), people("ann", when=33.5), people("ben", "ben", when=1)),
        {"champion_quiet_days_90": 33.5},
    ),
    Example(
        "people_joined", "by the day they joined, once it was written down",
        {"users": [{"joined_at": ago(1)}, {"joined_at": ago(30), "left_at": ago(2)}, {"joined_at": ago(31)},
                   {"joined_at": ago(3), **LATE}]},
        {"people_joined_30": 2, "people_joined_90": 3},
    ),
    Example(
        "people_left", "by the day they left",
        {"users": [{"joined_at": ago(300), "left_at": at} for at in (JUST_BEFORE, AS_OF, ago(30), ago(80), ago(91),
                   None)]},
        {"people_left_30": 2, "people_left_90": 3},
    ),
    Example(
        "features_used", "different ones",
        events(met("feature_used", 1, 2, name="export"), met("feature_used", 1, name="import"), met("feature_used", 1),
               met("feature_used", 10, name="share"), met("feature_used", 40, name="export"),
               met("click", 1, name="menu")),
        {"features_used_7": 2, "features_used_30": 3, "features_used_90": 3, "features_used_trend_30": 3 - 1},
    ),
    Example(
        "feature_use", "each time",
        events(met("feature_used", 1, 2, name="export"), met("feature_used", 1), met("feature_used", 10, 40, 41, 90)),
        {
            "feature_use_7": 3,
            "feature_use_30": 4,
            "feature_use_90": 7,
            "feature_use_trend_30": 4 - 2,
            "feature_use_own_7": 3 - 4 * 7 / 83,
        },
    ),
    Example(
        "amount_of_use", "what the events state, together",
        events(met("feature_used", 1, value=2.5), met("feature_used", 1), met("feature_used", 10, value=1),
               met("feature_used", 40, value=8)),
        {"amount_of_use_30": 3.5, "amount_of_use_90": 11.5, "amount_of_use_trend_30": 3.5 - 8},
    ),
    Example(
        "platforms_used", "different ones",
        events(met("click", 1, 2, platform="web"), met("error", 3, platform="ios"),
               met("click", 40, platform="android"), met("click", 1)),
        {"platforms_used_30": 2, "platforms_used_90": 3},
    ),
    Example(
        "logins", "per window",
        events(met("login", 1, 1, 10, 40), met("click", 1)),
        {"logins_7": 2, "logins_30": 3, "logins_90": 4, "logins_trend_30": 3 - 1},
    ),
    Example(
        "days_since_last_activity", "anything at all that was known",
        events(met("click", 77), met("unheard_of", ago(5, hours=6)), met("click", 1, **LATE)),
        {"days_since_last_activity": 5.25},
    ),
    Example(
        "days_since_last_activity", "nothing in a year",
        events(met("click", 366)),
        {"days_since_last_activity": None},
    ),
    Example(
        "days_since_last_login", "other use is no login",
        events(met("login", 90), met("click", 1)),
        {"days_since_last_login": 90},
    ),
    Example(
        "conversions", "per window",
        events(met("conversion", 1, 10, 40, 41), met("click", 1)),
        {"conversions_7": 1, "conversions_30": 2, "conversions_90": 4, "conversions_trend_30": 2 - 2},
    ),
    Example(
        "conversion_rate", "two conversions of one visit are one visit with a conversion",
        events(visits("conversion", 1, "v1", "v1", None), visits("click", 1, "v2", "v3", "v4"),
               visits("conversion", 10, "v2"),
               visits("click", 40, "v5")),
        {
            "conversion_rate_7": 1 / 4,
            "conversion_rate_30": 2 / 4,
            "conversion_rate_90": 2 / 5,
            "conversion_rate_trend_30": 0.5 - 0,
        },
    ),
]  # fmt: skip

# --- billing ---------------------------------------------------------------------------------

ENDS_LATER = {"end_recorded_at": ago(20)}  # announced

BILLING = [
    Example(
        "mrr", "what runs at as_of, against 90 days before",
        subscriptions(subscribed(400, mrr=50), subscribed(89, mrr=20), subscribed(100, 10, mrr=7),
                      subscribed(100, AS_OF, mrr=3, **ENDS_LATER)),
        # 90 days ago: 50, 7 and 3.
        {"mrr": 73, "mrr_change_90": 73 - 60},
    ),
    Example(
        "mrr", "an end that nobody has written down, and a beginning that somebody has",
        subscriptions(subscribed(400, 10, mrr=50, end_recorded_at=AS_OF), subscribed(-5, mrr=9, recorded_at=ago(30))),
        {"mrr": 50, "mrr_change_90": 0},
    ),
    Example(
        "mrr_expansion", "what was gained, on balance",
        subscriptions(subscribed(400, 30, mrr=50), subscribed(30, mrr=80)),
        {"mrr_expansion": 30},
    ),
    Example("mrr_expansion", "never below 0", subscriptions(subscribed(400, 30, mrr=50)), {"mrr_expansion": 0}),
    Example(
        "mrr_contraction", "what was lost, on balance",
        subscriptions(subscribed(400, 30, mrr=50), subscribed(30, mrr=45)),
        {"mrr_contraction": 5},
    ),
    Example("mrr_contraction", "never below 0", subscriptions(subscribed(30, mrr=50)), {"mrr_contraction": 0}),
    Example(
        "price_per_seat", "of all that runs",
        subscriptions(subscribed(400, mrr=60, seats=4), subscribed(10, mrr=40, seats=1)),
        {"price_per_seat": 100 / 5, "price_per_seat_change_90": 20 - 60 / 4},
    ),
    Example(
        "price_per_seat", "no seats are stated",
        subscriptions(subscribed(400, mrr=60)),
        {"price_per_seat": None, "price_per_seat_change_90": None},
    ),
    Example(
        "discount_share", "of the price before it",
        subscriptions(subscribed(400, 50, mrr=90, discount=10), subscribed(50, mrr=60, discount=20)),
        {"discount_share": 20 / 80, "discount_share_change_90": 0.25 - 10 / 100},
    ),
    Example(
        "discount_share", "nothing is paid",
        subscriptions(subscribed(400, 50, mrr=90, discount=10)),
        {"discount_share": None},
    ),
    Example(
        "subscriptions_active", "a free plan is none",
        subscriptions(subscribed(400, mrr=5), subscribed(300, 80, mrr=5), subscribed(300), subscribed(9, mrr=1),
                      subscribed(9, **LATE, mrr=1)),
        {"subscriptions_active": 2, "subscriptions_active_change_90": 2 - 2},
    ),
    Example(
        "subscriptions_ended", "by the day of the end, once it is known",
        subscriptions(subscribed(400, 90), subscribed(400, 1), subscribed(400, 91),
                      subscribed(400, 9, end_recorded_at=AS_OF),
                      subscribed(400, -9, **ENDS_LATER)),
        {"subscriptions_ended_90": 2},
    ),
    Example(
        "subscriptions_begun", "the first, and each change",
        subscriptions(subscribed(365, 100), subscribed(100, 90), subscribed(90, 3), subscribed(3)),
        {"subscriptions_begun_90": 2, "subscriptions_begun_365": 4},
    ),
    Example(
        "term_months", "the longest of those that run",
        subscriptions(subscribed(400, term_months=1), subscribed(400, term_months=12),
                      subscribed(400, 5, term_months=24), subscribed(9)),
        {"term_months": 12},
    ),
    Example("term_months", "no term is stated", subscriptions(subscribed(9)), {"term_months": None}),
    Example(
        "days_to_renewal", "the nearest ahead",
        subscriptions(subscribed(400, renews_at=ago(-45)), subscribed(400, renews_at=ago(-12.5)),
                      subscribed(400, 5, renews_at=ago(-1))),
        {"days_to_renewal": 12.5},
    ),
    Example(
        "days_to_renewal", "a passed one comes again after its term",
        subscriptions(subscribed(400, renews_at=ago(300), term_months=12)),
        {"days_to_renewal": 365.25 - 300},
    ),
    Example(
        "days_to_renewal", "no date is known",
        subscriptions(subscribed(400, term_months=1)),
        {"days_to_renewal": None},
    ),
    Example(
        "days_since_plan_change", "since the newest of those that run began",
        subscriptions(subscribed(400, 200), subscribed(200), subscribed(9, 3)),
        {"days_since_plan_change": 200},
    ),
    Example(
        "days_since_plan_change", "none runs",
        subscriptions(subscribed(400, 200)),
        {"days_since_plan_change": None},
    ),
    Example(
        "failed_payments", "per window",
        payments(paid(False, 1, 7, 30, 31, 90), paid(True, 1), paid(False, 1, **LATE)),
        {"failed_payments_7": 2, "failed_payments_30": 3, "failed_payments_90": 5, "failed_payments_trend_30": 3 - 1},
    ),
    Example(
        "failed_payment_share", "of all attempts",
        payments(paid(False, 1, 2, 40), paid(True, 3, 4, 5, 41)),
        {"failed_payment_share_30": 2 / 5, "failed_payment_share_90": 3 / 7,
        "failed_payment_share_trend_30": 2 / 5 - 1 / 2},
    ),
    Example("in_dunning", "the last one failed", payments(paid(True, 30), paid(False, 3)), {"in_dunning": 1}),
    Example("in_dunning", "the last one went through", payments(paid(False, 30), paid(True, 3)), {"in_dunning": 0}),
    Example("in_dunning", "no attempt in 90 days", payments(paid(False, just_over(90))), {"in_dunning": None}),
    Example(
        "days_since_failed_payment", "whatever went through since",
        payments(paid(False, 200, 12), paid(True, 3)),
        {"days_since_failed_payment": 12},
    ),
    Example(
        "days_since_failed_payment", "none in a year",
        payments(paid(False, 366)),
        {"days_since_failed_payment": None},
    ),
    Example(
        "days_since_payment", "whatever failed since",
        payments(paid(True, 730, 500), paid(False, 3)),
        {"days_since_payment": 500},
    ),
    Example("days_since_payment", "none in two years", payments(paid(True, 731)), {"days_since_payment": None}),
    Example(
        "invoices_overdue", "due before as_of and not paid before it",
        invoices(billed(40, due=JUST_BEFORE), billed(40, due=AS_OF), billed(40, due=20, paid=AS_OF),
                 billed(40, due=20, paid=JUST_BEFORE),
                 billed(40, due=None), billed(366, due=300)),
        {"invoices_overdue": 2},
    ),
    Example(
        "overdue_amount", "now and 30 days ago",
        invoices(billed(90, due=60, amount=100), billed(90, due=60, paid=20, amount=40), billed(40, due=10, amount=7),
                 billed(9, due=-5)),
        {"overdue_amount": 107, "overdue_amount_change_30": 107 - 140},
    ),
    Example(
        "days_overdue", "since the oldest was due",
        invoices(billed(90, due=60, paid=20), billed(90, due=31.5), billed(40, due=10), billed(900, due=366)),
        {"days_overdue": 31.5},
    ),
    Example(
        "days_overdue", "nothing is overdue",
        invoices(billed(90, due=60, paid=20), billed(9, due=-5)),
        {"days_overdue": None},
    ),
    Example(
        "days_late", "early is below 0; by the day it was paid",
        invoices(billed(90, due=30, paid=25), billed(40, due=10, paid=12), billed(200, due=180, paid=100),
                 billed(300, due=280, paid=280),
                 billed(9, due=None, paid=3), billed(40, due=20)),
        # 90 days: 5 late and 2 early. before, [180, 90): 80 late. A bill without a due date is neither.
        {"days_late_90": (5 - 2) / 2, "days_late_365": (5 - 2 + 80 + 0) / 4, "days_late_trend_90": 1.5 - 80},
    ),
    Example(
        "refunds", "amounts below 0",
        payments(paid(True, 1, 40, amount=-5), paid(True, 1, amount=0), paid(True, 1, amount=5), paid(True, 1)),
        {"refunds_30": 1, "refunds_90": 2},
    ),
    Example(
        "refunded_amount", "as an amount above 0",
        payments(paid(True, 1, amount=-5), paid(True, 90, amount=-2.5), paid(True, 91, amount=-99),
                 paid(True, 1, amount=50)),
        {"refunded_amount_90": 7.5},
    ),
]  # fmt: skip

# --- profile ---------------------------------------------------------------------------------


def account(created: float, **more: object) -> Tables:
    return {"accounts": [{"created_at": ago(created), **more}]}


PROFILE = [
    Example("segment", "as stated", account(9, segment="large"), {"segment": "large"}),
    Example("segment", "not stated", account(9), {"segment": None}),
    Example("country", "as stated", account(9, country="DE"), {"country": "DE"}),
    Example("acquisition", "as stated", account(9, acquisition="fair"), {"acquisition": "fair"}),
    Example("tenure_days", "since the account was created", account(366.25), {"tenure_days": 366.25}),
    Example(
        "seats", "of all that runs, and since 90 days ago",
        subscriptions(subscribed(400, seats=5), subscribed(100, 30, seats=2), subscribed(80, seats=4), subscribed(9)),
        {"seats": 9, "seats_change_90": 9 - 7},
    ),
]  # fmt: skip

EXAMPLES = [*UX, *CX, *USAGE, *BILLING, *PROFILE]


# --- the tests -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def computed(features_of: Callable[..., dict[str, dict[str, object]]]) -> dict[str, dict[str, object]]:
    """Every column of every example, in one query."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    members = [member for example in EXAMPLES for member in _segment(example)]
    for name, given in members:
        for table, rows in given.items():
            tables[table] += [{"account_id": name, **row} for row in rows]
    return features_of(COLUMNS, tables, AS_OF, [name for name, _ in members])


def _segment(example: Example) -> list[tuple[str, Tables]]:
    """The account of an example, and with it those it is compared with."""
    if not example.peers:
        return [(example.account, example.rows)]
    named = account(900, segment=example.account)
    others = [(f"{example.account}, peer {number}", rows) for number, rows in enumerate(example.peers)]
    return [(name, {**rows, **named}) for name, rows in [(example.account, example.rows), *others]]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.account)
def test_a_card_as_computed_by_hand(computed: dict[str, dict[str, object]], example: Example) -> None:
    for name, expected in example.expected.items():
        assert computed[example.account][name] == _nearly(expected), name


def _nearly(expected: object) -> object:
    is_number = isinstance(expected, int | float)
    return pytest.approx(expected, rel=1e-9, abs=1e-9) if is_number else expected


def test_every_column_of_every_card_is_computed_by_hand() -> None:
    assert {example.card for example in EXAMPLES} == {feature.name for feature in FEATURES}
    assert {name for example in EXAMPLES for name in example.expected} == set(CARDS)


def test_an_example_speaks_of_its_own_card_only() -> None:
    assert all(CARDS[name] == example.card for example in EXAMPLES for name in example.expected)
    assert len({example.account for example in EXAMPLES}) == len(EXAMPLES)


def test_what_may_be_null_is_somewhere_null_and_a_count_never() -> None:
    """Of each family one card at least shows what stands where nothing can be said."""
    null = {example.card for example in EXAMPLES if None in example.expected.values()}
    cards = {feature.name: feature for feature in FEATURES}
    assert {cards[name].family for name in null} == {feature.family for feature in FEATURES}
    assert all(cards[name].null_means != "never null" for name in null)


# --- several as_ofs at once ------------------------------------------------------------------

FEBRUARY, MARCH, NEXT_DAY = datetime(2024, 2, 1), datetime(2024, 3, 1), datetime(2024, 3, 2)
Snapshots = dict[str, dict[tuple[str, datetime], dict[str, object]]]


def _event(account: str, kind: str, occurred_at: datetime, recorded_at: datetime | None = None, **more: object) -> Row:
    recorded_at = recorded_at or occurred_at
    return {"account_id": account, "kind": kind, "occurred_at": occurred_at, "recorded_at": recorded_at, **more}


@pytest.mark.parametrize("plan", ["slots", "range join"])
def test_one_query_answers_for_several_as_ofs(by_both_plans: Callable[..., Snapshots], plan: str) -> None:
    """Each as_of sees its own windows, its own peers, and only what was written down by then."""
    wanted = ("errors_7", "errors_30", "errors_trend_30", "days_since_last_error", "mrr", "visits_peers_30")
    events = [
        _event("a", "error", datetime(2024, 1, 20)),
        _event("a", "error", datetime(2024, 1, 30), recorded_at=datetime(2024, 2, 10)),
        _event("a", "error", FEBRUARY),
        _event("a", "error", datetime(2024, 3, 1, 12)),
        _event("a", "click", datetime(2024, 1, 25), session_id="v1"),
        _event("b", "click", datetime(2024, 2, 20), session_id="v2"),
        _event("b", "click", datetime(2024, 2, 21), session_id="v3"),
        _event("c", "click", datetime(2024, 2, 5), session_id="v4"),
    ]
    begun, ended = datetime(2024, 1, 1), datetime(2024, 2, 15)
    paid = {"started_at": begun, "recorded_at": begun, "mrr": 100, "ended_at": ended, "end_recorded_at": MARCH}
    tables = {"events": events, "subscriptions": [{"account_id": "a", **paid}]}
    columns = [column for column in COLUMNS if column.name in wanted]
    found = by_both_plans(columns, tables, (FEBRUARY, MARCH, NEXT_DAY), ("a", "b", "c"))[plan]

    def of(account_id: str, as_of: datetime) -> list[object]:
        return [found[account_id, as_of][name] for name in wanted]

    # 1 February: the error of 12 days ago. That of two days ago is not written down, that of midnight is to come.
    assert of("a", FEBRUARY) == [0, 1, 1 - 0, 12, 100, 1 - 0]
    # 1 March: that of 29 days ago, and before it those of 31 and 41. The end is booked at this very moment.
    assert of("a", MARCH) == [0, 1, 1 - 2, 29, 100, 0 - 1]
    # 2 March: those of half a day and of exactly 30 days ago.
    assert of("a", NEXT_DAY) == [1, 2, 2 - 2, 0.5, 0, 0 - 1]
    assert [found["b", as_of]["visits_peers_30"] for as_of in (FEBRUARY, MARCH, NEXT_DAY)] == [0 - 0, 2 - 1, 2 - 1]
