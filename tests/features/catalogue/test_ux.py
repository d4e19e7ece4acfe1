"""Every user-experience card by hand: a few rows, and the value of each of the card's columns."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.features.catalogue.rows import (
    AS_OF,
    JUST_BEFORE,
    RECORDED_LATE,
    ComputeExample,
    Example,
    Row,
    account,
    ago,
    by_users,
    events,
    faded,
    in_visits,
    just_over,
    of_kind,
    viewed,
    visited,
    web_vital,
)


def on(platform: str, name: str, kind: str, *when: float | datetime, **more: object) -> list[Row]:
    """Return events of a kind on a page, or of a task, of a platform."""
    return of_kind(kind, *when, platform=platform, name=name, **more)


def _own(share_of_all: float, views: float) -> float:
    """Return the usual share of an account without an error, pulled by 30 pages."""
    return 30 * share_of_all / (views + 30)


# The account uses the web's home page alone, by half a page view. All accounts: 1 + 1 / 2 page views there, 1 / 2 on
# iOS. Errors per page view of the web: 1 of 1 + 2^(-180/21) lately, 1 of 1 + 1 / 2 usually; iOS: none.
_use = (1 / 2 + 20 * 1.5 / 2) / (1 / 2 + 20)
_met_by_all = _use * (1 / (1 + faded(21, 180)) - 1 / 1.5)
_share = 2 * faded(180, 60) / (2 * faded(180, 60) + 2 / 2)

EXAMPLES = [
    Example(
        "errors", "windows begin with their first moment and end before as_of",
        events(of_kind("error", AS_OF, JUST_BEFORE, 7, just_over(7), 30, just_over(30), 60, just_over(60), 90,
               just_over(90))),
        # 7 days: just before and 7. 30: just over 7 and 30 too. 90: all but the two outside.
        # before, [60, 30) days ago: just over 30 and 60. own, [90, 7): six in 83 days.
        {"errors_7": 2, "errors_30": 4, "errors_90": 8, "errors_trend_30": 4 - 2, "errors_own_7": 2 - 6 * 7 / 83},
    ),
    Example(
        "errors", "a row written down at as_of is not known yet",
        events(of_kind("error", 1, **RECORDED_LATE), of_kind("error", 2, recorded_at=JUST_BEFORE),
               of_kind("error", 20, **RECORDED_LATE)),
        {"errors_7": 1, "errors_30": 1, "errors_90": 1, "errors_trend_30": 1, "errors_own_7": 1},
    ),
    Example("errors", "nothing at all is no error", {}, {"errors_7": 0, "errors_trend_30": 0, "errors_own_7": 0}),
    Example(
        "error_rate", "errors of the window over its pages",
        events(of_kind("error", 1, 2, 10, 40), of_kind("page_view", 1, 2, 3, 4, 10, 20, *[40] * 10)),
        {
            "error_rate_7": 2 / 4,
            "error_rate_30": 3 / 6,
            "error_rate_90": 4 / 16,
            "error_rate_trend_30": 0.5 - 1 / 10,
            "error_rate_own_7": 0.5 - 2 / 12,  # a rate is not scaled: 2 errors on 12 pages in the 83 days before
            "error_rate_peers_30": 0.5 - 0.2,  # the segment has 0.5, 0.2 and 0.1
        },
        peers=[events(of_kind("error", 5, 6), of_kind("page_view", *[5] * 10)),
                      events(of_kind("error", 5), of_kind("page_view", *[5] * 10))],
    ),
    Example(
        "error_rate", "errors without a page have no rate",
        events(of_kind("error", 1), of_kind("page_view", 8)),
        {"error_rate_7": None, "error_rate_30": 1.0, "error_rate_trend_30": None, "error_rate_own_7": None},
    ),
    Example(
        "errors_per_person", "three errors, two people active",
        events(of_kind("error", 1, 2, 3, user_id="ann"), by_users("ben", "ben"),
               by_users("ann", when=40, kind="error")),
        {"errors_per_person_30": 3 / 2, "errors_per_person_90": 4 / 2, "errors_per_person_trend_30": 1.5 - 1 / 1},
    ),
    Example(
        "errors_per_person", "nobody is named",
        events(of_kind("error", 1)),
        {"errors_per_person_30": None},
    ),
    Example(
        "people_with_errors", "whoever met two counts once",
        events(of_kind("error", 1, 2, user_id="ann"), by_users("ben", kind="error"), by_users("cay", "dee"),
               by_users("eve", when=40, kind="error"), by_users("ann", when=40)),
        # before: of Ann and Eve, Eve met one. 90 days: Ann, Ben and Eve of five.
        {"people_with_errors_30": 2 / 4, "people_with_errors_90": 3 / 5, "people_with_errors_trend_30": 0.5 - 1 / 2},
    ),
    Example(
        "days_since_last_error", "the newest, to the hour",
        events(of_kind("error", 40, ago(12, hours=6), 300), of_kind("click", 1), of_kind("error", 3, **RECORDED_LATE)),
        {"days_since_last_error": 12.25},
    ),
    Example(
        "days_since_last_error", "a year to the day",
        events(of_kind("error", 365, 400)),
        {"days_since_last_error": 365},
    ),
    Example(
        "days_since_last_error", "over a year",
        events(of_kind("error", just_over(365))),
        {"days_since_last_error": None},
    ),
    Example(
        "crashes", "per window",
        events(of_kind("crash", 1, 7, 8, 31, 59, 60, 61), of_kind("error", 1)),
        {"crashes_7": 2, "crashes_30": 3, "crashes_90": 7, "crashes_trend_30": 3 - 3},
    ),
    Example(
        "crash_free_visits", "two crashes of one visit are one bad visit of four",
        events(in_visits("crash", 1, "v1", "v1"), in_visits("page_view", 1, "v1", "v2", "v3", "v4"),
               in_visits("crash", 40, "v5"), in_visits("click", 40, "v5", "v6")),
        {
            "crash_free_visits_7": 3 / 4,
            "crash_free_visits_30": 3 / 4,
            "crash_free_visits_90": 4 / 6,
            "crash_free_visits_trend_30": 0.75 - 0.5,
        },
    ),
    Example("crash_free_visits", "no visit", events(of_kind("crash", 1)), {"crash_free_visits_7": None}),
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
        events(web_vital("LCP", 1, 1000, 2000, 3000, 4000), web_vital("LCP", 40, 500), web_vital("INP", 1, 9999)),
        # 90 days: 500, 1000, 2000, 3000, 4000.
        {"lcp_p75_30": 3250, "lcp_p75_90": 3000, "lcp_p75_trend_30": 3250 - 500},
    ),
    Example(
        "good_lcp_share", "2.5 s is still good",
        events(web_vital("LCP", 1, 2500, 2500.1), web_vital("LCP", 40, 100), web_vital("CLS", 1, 0.0)),
        {"good_lcp_share_30": 1 / 2, "good_lcp_share_90": 2 / 3},
    ),
    Example(
        "poor_lcp_share", "4 s is not yet poor",
        events(web_vital("LCP", 1, 4000, 4000.1), web_vital("LCP", 40, 9000)),
        {"poor_lcp_share_30": 1 / 2, "poor_lcp_share_90": 2 / 3},
    ),
    Example(
        "inp_p75", "per window",
        events(web_vital("INP", 1, 100, 300), web_vital("INP", 40, 500)),
        {"inp_p75_30": 250, "inp_p75_90": 400, "inp_p75_trend_30": 250 - 500},
    ),
    Example(
        "good_inp_share", "200 ms is still good",
        events(web_vital("INP", 1, 200, 200.1), web_vital("INP", 40, 500)),
        {"good_inp_share_30": 1 / 2, "good_inp_share_90": 1 / 3},
    ),
    Example(
        "poor_inp_share", "500 ms is not yet poor",
        events(web_vital("INP", 1, 500, 500.1), web_vital("INP", 40, 500)),
        {"poor_inp_share_30": 1 / 2, "poor_inp_share_90": 1 / 3},
    ),
    Example(
        "cls_p75", "a shift has no unit",
        events(web_vital("CLS", 1, 0.0, 0.2), web_vital("CLS", 40, 0.1)),
        {"cls_p75_30": 0.15, "cls_p75_90": 0.15, "cls_p75_trend_30": 0.05},
    ),
    Example("cls_p75", "no CLS was reported", events(web_vital("LCP", 1, 2500)), {"cls_p75_30": None}),
    Example(
        "good_cls_share", "0.1 is still good; a reading without a value is none",
        events(web_vital("CLS", 1, 0.1, 0.11, None), web_vital("CLS", 40, 0.3)),
        {"good_cls_share_30": 1 / 2, "good_cls_share_90": 1 / 3},
    ),
    Example(
        "poor_cls_share", "0.25 is not yet poor",
        events(web_vital("CLS", 1, 0.25, 0.26), web_vital("CLS", 40, 0.3)),
        {"poor_cls_share_30": 1 / 2, "poor_cls_share_90": 2 / 3},
    ),
    Example(
        "rage_clicks_per_visit", "three in two visits",
        events(in_visits("rage_click", 1, "v1", "v1", "v2"), in_visits("page_view", 10, "v3"),
               in_visits("rage_click", 40, "v4")),
        {
            "rage_clicks_per_visit_7": 3 / 2,
            "rage_clicks_per_visit_30": 3 / 3,
            "rage_clicks_per_visit_90": 4 / 4,
            "rage_clicks_per_visit_trend_30": 0,
        },
    ),
    Example(
        "dead_clicks_per_visit", "a visit that goes on for days is one in each window",
        events(in_visits("dead_click", 1, "v1"), in_visits("click", 1, "v2"), in_visits("dead_click", 10, "v1"),
               in_visits("dead_click", 40, "v1", "v1")),
        {
            "dead_clicks_per_visit_7": 1 / 2,
            "dead_clicks_per_visit_30": 2 / 2,
            "dead_clicks_per_visit_90": 4 / 2,
            "dead_clicks_per_visit_trend_30": 1 - 2 / 1,
        },
    ),
    Example(
        "click_through_rate", "clicks over what was shown",
        events(of_kind("impression", *[1] * 8, 10, 10, *[40] * 5), of_kind("click", 1, 1, 10, 40)),
        {
            "click_through_rate_7": 2 / 8,
            "click_through_rate_30": 3 / 10,
            "click_through_rate_90": 4 / 15,
            "click_through_rate_trend_30": 0.3 - 1 / 5,
        },
    ),
    Example("click_through_rate", "nothing was shown", events(of_kind("click", 1)), {"click_through_rate_7": None}),
    # --- ux: journeys
    Example(
        "tasks_started", "per window",
        events(of_kind("task_started", 1, 7, 30, 31, 45, 90), of_kind("task_completed", 1)),
        {"tasks_started_7": 2, "tasks_started_30": 3, "tasks_started_90": 6, "tasks_started_trend_30": 3 - 2},
    ),
    Example(
        "task_failures", "against its own level of the 83 days before",
        events(of_kind("task_failed", 1, 2, 3, 8, 31)),
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
        events(of_kind("task_started", 1, 2, 3, 4, 10, 10, 40, 40), of_kind("task_completed", 1, 2, 3, 10, 40)),
        {
            "task_success_rate_7": 3 / 4,
            "task_success_rate_30": 4 / 6,
            "task_success_rate_90": 5 / 8,
            "task_success_rate_trend_30": 4 / 6 - 1 / 2,
            "task_success_rate_own_7": 3 / 4 - 2 / 4,
            "task_success_rate_peers_30": 4 / 6 - 4 / 6,  # it is itself the median of 1, 4/6 and 0
        },
        peers=[events(of_kind("task_started", 5), of_kind("task_completed", 5)), events(of_kind("task_started", 5))],
    ),
    Example(
        "task_failure_rate", "failed over started",
        events(of_kind("task_started", 1, 2, 10, 40, 41), of_kind("task_failed", 1, 10, 40)),
        {
            "task_failure_rate_7": 1 / 2,
            "task_failure_rate_30": 2 / 3,
            "task_failure_rate_90": 3 / 5,
            "task_failure_rate_trend_30": 2 / 3 - 1 / 2,
        },
    ),
    Example(
        "tasks_never_finished", "below 0 is 0, as for tasks begun before the window",
        events(of_kind("task_completed", 1, 1), of_kind("task_started", 1, 10, 10, 10, 40, 40),
               of_kind("task_failed", 40)),
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
            of_kind("task_failed", 5, name="export", platform="phone"),
            of_kind("task_completed", 4, name="export", platform="web"),
            of_kind("task_failed", 5, name="import", platform="web"),
            of_kind("task_completed", 4, name="import", platform="web"),
            of_kind("task_failed", 5, name="print", platform="phone"),
            of_kind("task_started", 4, name="print", platform="web"),
            of_kind("task_completed", 9, name="share", platform="web"),
            of_kind("task_failed", 40, name="share", platform="phone"),
        ),
        # Only the export in 30 days; with the failure of 40 days ago also the share.
        {"tasks_done_elsewhere_30": 1, "tasks_done_elsewhere_90": 2},
    ),
    Example(
        "task_margin", "mean over the completed ones that say it",
        events(of_kind("task_completed", 1, value=3), of_kind("task_completed", 2, value=-1),
               of_kind("task_completed", 3),
               of_kind("task_completed", 40, value=10), of_kind("task_failed", 1, value=99)),
        {"task_margin_30": 1, "task_margin_90": 4},
    ),
    Example("task_margin", "none says it", events(of_kind("task_completed", 1)), {"task_margin_30": None}),
    Example(
        "time_on_task", "median of completed tasks",
        events(of_kind("task_completed", 1, duration_ms=60_000), of_kind("task_completed", 1, duration_ms=90_000),
               of_kind("task_completed", 10, duration_ms=30_000), of_kind("task_completed", 40, duration_ms=10_000),
               of_kind("task_failed", 1, duration_ms=1)),
        {
            "time_on_task_7": 75_000,
            "time_on_task_30": 60_000,
            "time_on_task_90": 45_000,
            "time_on_task_trend_30": 60_000 - 10_000,
        },
    ),
    Example(
        "days_since_last_task_failure", "a success since then does not count",
        events(of_kind("task_failed", 200, 100), of_kind("task_completed", 1)),
        {"days_since_last_task_failure": 100},
    ),
    Example(
        "worst_visit", "all troubles of a visit together",
        events(in_visits("error", 1, "v1"), in_visits("rage_click", 2, "v2", "v2"), in_visits("crash", 2, "v2"),
               in_visits("page_view", 1, *["v1"] * 9), in_visits("dead_click", 10, *["v3"] * 4),
               in_visits("task_failed", 40, "v1")),
        # 7 days: v2 has 3. 30 days: v3 has 4. 90 days: v1 has only 2 by then.
        {"worst_visit_7": 3, "worst_visit_30": 4, "worst_visit_90": 4},
    ),
    Example("worst_visit", "trouble without a visit", events(of_kind("error", 1)), {"worst_visit_7": 0}),
    Example(
        "days_since_worst_visit", "since its last trouble; of two equally bad ones the newest",
        events(in_visits("error", 30, "v1", "v1"), in_visits("error", 21, "v2"), in_visits("crash", 20, "v2"),
               in_visits("error", 1, "v3")),
        {"days_since_worst_visit_90": 20},
    ),
    Example(
        "days_since_worst_visit", "no visit had any trouble",
        events(in_visits("page_view", 1, "v1"), of_kind("error", 1), in_visits("error", 91, "v2")),
        {"days_since_worst_visit_90": None},
    ),
    # rows that count less with their age
    Example(
        "error_share_usual", "as if fifty more pages were like those of all accounts",
        events(of_kind("page_view", *[180] * 4), of_kind("error", 180, 180)),
        # All accounts: 4 errors on 12 pages, half a year ago.
        {"error_share_usual": (2 / 2 + 50 * 4 / 12) / (4 / 2 + 50)},
        others=[events(of_kind("page_view", *[180] * 8), of_kind("error", 180, 180))],
    ),
    Example("error_share_usual", "nobody viewed a page", events(of_kind("error", 1)), {"error_share_usual": None}),
    Example(
        "errors_above_usual", "errors on the one page of today, none on those of half a year ago",
        events(of_kind("page_view", JUST_BEFORE, *[180] * 6), of_kind("error", JUST_BEFORE)),
        # Its own usual is that of all accounts, as there are no others: 1 error on 1 + 6 / 2 pages.
        {"errors_above_usual": (1 + 30 / 4) / (1 + 6 * faded(21, 180) + 30) - 1 / 4},
    ),
    Example(
        "errors_above_usual", "what others met lately moves only what is usual",
        events(of_kind("page_view", 180, 180)),
        # All accounts: 2 errors on 2 + 2 / 2 pages; its own usual: none on one page, and 30 pages like those of all.
        {"errors_above_usual": 30 * _own(2 / 3, 1) / (2 * faded(21, 180) + 30) - _own(2 / 3, 1)},
        others=[events(of_kind("page_view", JUST_BEFORE, JUST_BEFORE), of_kind("error", JUST_BEFORE, JUST_BEFORE))],
    ),
    Example(
        "load_time_usual", "an untimed page does not count",
        events(viewed(180, 1000, 2000, None)),
        {"load_time_usual": ((1000 + 2000) / 2 + 10 * 9000 / 5) / (2 / 2 + 10)},
        others=[events(viewed(180, 2000, 2000, 2000))],
    ),
    Example("load_time_usual", "no load was timed", events(viewed(1, None)), {"load_time_usual": None}),
    Example(
        "load_time_above_usual", "twice as slow as half a year ago",
        events(viewed(JUST_BEFORE, 2000), viewed(180, 1000, 1000)),
        # Usual: 2000 + 2 x 1000 / 2 ms over 1 + 2 / 2 loads.
        {"load_time_above_usual": (2000 + 2000 * faded(21, 180) + 10 * 1500) / (1 + 2 * faded(21, 180) + 10) - 1500},
    ),
    Example(
        "task_failures_usual", "of those started",
        events(of_kind("task_started", 180, 180), of_kind("task_failed", 180)),
        {"task_failures_usual": (1 / 2 + 10 * 1 / 4) / (2 / 2 + 10)},
        others=[events(of_kind("task_started", 180, 180))],
    ),
    Example("task_failures_usual", "nobody started a task", events(), {"task_failures_usual": None}),
    Example(
        "task_failures_above_usual", "two months ago counts half",
        events(of_kind("task_started", 60, 60), of_kind("task_failed", 60)),
        # Usual is a half, for this account as for all; and so is what failed two months ago.
        {"task_failures_above_usual": 0.0},
    ),
    Example(
        "task_failures_above_usual", "more than usual",
        events(of_kind("task_started", 60, 60, 180, 180), of_kind("task_failed", 60, 60)),
        {"task_failures_above_usual": (2 / 2 + 10 * _share) / (2 / 2 + 2 / 8 + 10) - _share},
    ),
    Example(
        "rage_clicks_above_usual", "per visit",
        events(visited(JUST_BEFORE, 180, 180), of_kind("rage_click", JUST_BEFORE)),
        {"rage_clicks_above_usual": (1 + 10 / 2) / (1 + 2 * faded(21, 180) + 10) - 1 / 2},
    ),
    Example("rage_clicks_above_usual", "nobody visited", events(), {"rage_clicks_above_usual": None}),
    # what all accounts meet where this one is active
    Example(
        "errors_met_by_all", "the account is on the web page where others meet errors, and meets none",
        events(on("web", "home", "page_view", 180)),
        {"errors_met_by_all": _met_by_all},
        others=[events(on("web", "home", "page_view", JUST_BEFORE), on("web", "home", "error", JUST_BEFORE)),
                events(on("ios", "home", "page_view", 180))],
    ),
    Example("errors_met_by_all", "nobody viewed a page", account(9), {"errors_met_by_all": None}),
    Example(
        "load_time_met_by_all", "on the one page there is, twice as slow as half a year ago",
        events(on("web", "home", "page_view", JUST_BEFORE, duration_ms=2000)),
        # Lately (2000 + 1000 x 2^(-180/21)) / (1 + 2^(-180/21)), usually (2000 + 1000 / 2) / (1 + 1 / 2).
        {"load_time_met_by_all": (2000 + 1000 * faded(21, 180)) / (1 + faded(21, 180)) - 2500 / 1.5},
        others=[events(on("web", "home", "page_view", 180, duration_ms=1000))],
    ),
    Example("load_time_met_by_all", "no load was timed", events(on("web", "home", "page_view", 1)),
            {"load_time_met_by_all": None}),
    Example(
        "task_failures_met_by_all", "the tasks of the account, not those of others alone",
        events(on("web", "export", "task_started", 21, 21)),
        # Export fails in 1 of 4 tasks, at all times; import never. So nothing is above the usual.
        {"task_failures_met_by_all": 0.0},
        others=[events(on("web", "export", "task_started", 21, 21), on("web", "export", "task_failed", 21),
                       on("web", "import", "task_started", 21))],
    ),
    Example(
        "task_failures_met_by_all", "half of the tasks fail lately, none did",
        events(on("web", "export", "task_started", 180)),
        # Lately 2 of 4 + 2^(-180/21), usually 2 of 4 + 1 / 2.
        {"task_failures_met_by_all": 2 / (4 + faded(21, 180)) - 2 / (4 + 1 / 2)},
        others=[events(on("web", "export", "task_started", *[JUST_BEFORE] * 4),
                       on("web", "export", "task_failed", JUST_BEFORE, JUST_BEFORE))],
    ),
    Example("task_failures_met_by_all", "nobody started a task", events(on("web", "export", "page_view", 1)),
            {"task_failures_met_by_all": None}),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_ux_card_as_computed_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
