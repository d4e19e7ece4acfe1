"""UX features: errors, crashes, load times, web vitals, task success, and rage and dead clicks."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Combination, Exposure, Measure, Ratio, Rows, Shrunk, rows_of

USUAL_WINDOWS = (7, 30, 90)
SLOW_LOAD_MS = 3000.0
LATELY, USUAL = 21, 180  # days; half-lives of what was met lately, and of what is usual
WHERE = ("platform", "name")  # the pages and tasks of each platform
APDEX_MS = 2000.0  # Apdex threshold: satisfied up to here, tolerating up to four times as long
VITALS = {  # name: (what it is, unit, good up to, poor above), from web-vitals
    "LCP": ("Largest contentful paint", "ms", 2500.0, 4000.0),
    "INP": ("Interaction to next paint", "ms", 200.0, 500.0),
    "CLS": ("Cumulative layout shift", "score", 0.1, 0.25),
}

events = rows_of("events")
visits = events.distinct("session_id")
people = events.distinct("user_id")
page_views = events.where(kind="page_view")
errors = events.where(kind="error")
crashes = events.where(kind="crash")
rage_clicks = events.where(kind="rage_click")
dead_clicks = events.where(kind="dead_click")
clicks = events.where(kind="click")
impressions = events.where(kind="impression")
started = events.where(kind="task_started")
completed = events.where(kind="task_completed")
failed = events.where(kind="task_failed")
troubles = events.where(kind=("error", "crash", "task_failed", "rage_click", "dead_click"))
unfinished = (started.count() - completed.count() - failed.count()).at_least(0)
begun = events.where(opens_visit=True).count()  # visits, counted like rows
timed = page_views.known("duration_ms")


def _usual(over: Measure, under: Measure, strength: float) -> Shrunk:
    """Return the account's own usual share or mean, pulled toward that of all accounts by `strength` rows."""
    over, under = over.fading(USUAL), under.fading(USUAL)
    return Shrunk(over, under, over.of_all_accounts() / under.of_all_accounts(), strength)


def _above_usual(over: Measure, under: Measure, half_life: int, strength: float) -> Combination:
    """Return the share or mean lately, pulled toward the account's own usual one by `strength` rows, minus that."""
    usual = _usual(over, under, strength)
    return Shrunk(over.fading(half_life), under.fading(half_life), usual, strength) - usual


def _met_by_all(over: Measure, under: Measure, use: Measure) -> Combination:
    """Return what all accounts met lately where this account is active, minus what they usually meet there."""
    lately, usual = (
        Exposure(over.fading(days), under.fading(days), WHERE, use.fading(USUAL), strength=20.0)
        for days in (LATELY, USUAL)
    )
    return lately - usual


def _apdex(loads: Rows) -> Ratio:
    """Return the Apdex: (satisfied + tolerating / 2) / all timed loads (Apdex specification 1.1)."""
    satisfied, up_to_tolerating = loads.at_most(duration_ms=APDEX_MS), loads.at_most(duration_ms=4 * APDEX_MS)
    halves = Combination(((0.5, satisfied.count()), (0.5, up_to_tolerating.count())))
    return halves / loads.known("duration_ms").count()


def _vital(name: str) -> tuple[Feature, ...]:
    """Return the three cards of one web vital: its 75th percentile, its good share and its poor share."""
    title, unit, good, poor = VITALS[name]
    reported = events.where(kind="web_vital", name=name).known("value")
    key, null = name.lower(), f"no {name} was reported"
    return (
        Feature(f"{key}_p75", f"{title} ({name}) that one page in four exceeds", family="ux", level="interaction",
                unit=unit, measure=reported.quantile("value", 0.75), windows=(30, 90), trend=30,  # type: ignore[arg-type]
                null_means=null, good="low"),
        Feature(f"good_{key}_share", f"Pages with a good {name} (up to {good:g})", family="ux", level="interaction",
                unit="share", measure=reported.at_most(value=good).count() / reported.count(), windows=(30, 90),
                null_means=null, good="high"),
        Feature(f"poor_{key}_share", f"Pages with a poor {name} (over {poor:g})", family="ux", level="interaction",
                unit="share", measure=reported.above(value=poor).count() / reported.count(), windows=(30, 90),
                null_means=null, good="low"),
    )  # fmt: skip


UX = (
    # interaction: one click, one page load, one error
    Feature("errors", "Errors met", family="ux", level="interaction", unit="count",
            measure=errors.count(), windows=USUAL_WINDOWS, trend=30, own=7, good="low"),
    Feature("error_rate", "Errors per page view", family="ux", level="interaction", unit="share",
            measure=errors.count() / page_views.count(), windows=USUAL_WINDOWS, trend=30, own=7, peers=30,
            null_means="no page was viewed", good="low"),
    Feature("errors_per_person", "Errors met per active person", family="ux", level="interaction", unit="per person",
            measure=errors.count() / people, windows=(30, 90), trend=30, null_means="nobody was active", good="low"),
    Feature("people_with_errors", "People who met an error, of those active", family="ux", level="interaction",
            unit="share", measure=errors.distinct("user_id") / people, windows=(30, 90), trend=30,
            null_means="nobody was active", good="low"),
    Feature("days_since_last_error", "Days since the last error", family="ux", level="interaction", unit="days",
            measure=errors.days_since_last(), lookback=365, null_means="no error in a year", good="high"),
    Feature("crashes", "Crashes met", family="ux", level="interaction", unit="count",
            measure=crashes.count(), windows=USUAL_WINDOWS, trend=30, good="low"),
    Feature("crash_free_visits", "Visits without a crash", family="ux", level="interaction", unit="share",
            measure=1 - crashes.distinct("session_id") / visits, windows=USUAL_WINDOWS, trend=30,
            null_means="no visit", good="high"),
    Feature("load_time_median", "Median load time of pages", family="ux", level="interaction", unit="ms",
            measure=page_views.quantile("duration_ms", 0.5), windows=USUAL_WINDOWS, trend=30,
            null_means="no page was viewed", good="low"),
    Feature("load_time_p75", "Load time that one page in four exceeds", family="ux", level="interaction", unit="ms",
            measure=page_views.quantile("duration_ms", 0.75), windows=USUAL_WINDOWS, trend=30, own=7, peers=30,
            null_means="no page was viewed", good="low"),
    Feature("load_time_p95", "Load time that one page in twenty exceeds", family="ux", level="interaction", unit="ms",
            measure=page_views.quantile("duration_ms", 0.95), windows=USUAL_WINDOWS, trend=30,
            null_means="no page was viewed", good="low"),
    Feature("slow_load_share", "Pages that took over 3 seconds", family="ux", level="interaction", unit="share",
            measure=page_views.above(duration_ms=SLOW_LOAD_MS).count() / page_views.count(),
            windows=USUAL_WINDOWS, trend=30, null_means="no page was viewed", good="low"),
    Feature("apdex", "Apdex of page loads (satisfied up to 2 s), 0 to 1", family="ux", level="interaction",
            unit="score", measure=_apdex(page_views), windows=USUAL_WINDOWS, trend=30,
            null_means="no load was timed", good="high"),
    Feature("slowest_load", "The slowest page", family="ux", level="interaction", unit="ms",
            measure=page_views.largest("duration_ms"), windows=USUAL_WINDOWS,
            null_means="no page was viewed", good="low"),
    Feature("days_since_slowest_load", "Days since the slowest page", family="ux", level="interaction",
            unit="days", measure=page_views.days_since_largest("duration_ms"), windows=(90,),
            null_means="no page was viewed"),
    *_vital("LCP"),
    *_vital("INP"),
    *_vital("CLS"),
    Feature("rage_clicks_per_visit", "Rage clicks per visit", family="ux", level="interaction", unit="per visit",
            measure=rage_clicks.count() / visits, windows=USUAL_WINDOWS, trend=30, null_means="no visit", good="low"),
    Feature("dead_clicks_per_visit", "Dead clicks per visit", family="ux", level="interaction", unit="per visit",
            measure=dead_clicks.count() / visits, windows=USUAL_WINDOWS, trend=30, null_means="no visit", good="low"),
    Feature("click_through_rate", "Clicks per impression", family="ux", level="interaction", unit="share",
            measure=clicks.count() / impressions.count(), windows=USUAL_WINDOWS, trend=30,
            null_means="nothing was shown", good="high"),
    # journey: one task, one visit
    Feature("tasks_started", "Tasks started", family="ux", level="journey", unit="count",
            measure=started.count(), windows=USUAL_WINDOWS, trend=30),
    Feature("task_failures", "Tasks failed", family="ux", level="journey", unit="count",
            measure=failed.count(), windows=USUAL_WINDOWS, trend=30, own=7, good="low"),
    Feature("task_success_rate", "Tasks completed of those started", family="ux", level="journey", unit="share",
            measure=completed.count() / started.count(), windows=USUAL_WINDOWS, trend=30, own=7, peers=30,
            null_means="no task was started", good="high"),
    Feature("task_failure_rate", "Tasks failed of those started", family="ux", level="journey", unit="share",
            measure=failed.count() / started.count(), windows=USUAL_WINDOWS, trend=30,
            null_means="no task was started", good="low"),
    Feature("tasks_never_finished", "Tasks started that neither completed nor failed", family="ux", level="journey",
            unit="count", measure=unfinished, windows=USUAL_WINDOWS, trend=30, good="low"),
    Feature("tasks_done_elsewhere", "Tasks that failed on one platform and were done on another", family="ux",
            level="journey", unit="count", windows=(30, 90), good="low",
            measure=events.done_elsewhere("name", "platform", failed="task_failed", done="task_completed")),
    Feature("task_margin", "Mean value of completed tasks, such as days before the due date", family="ux",
            level="journey", unit="score", measure=completed.mean("value"), windows=(30, 90),
            null_means="no completed task carries a value", good="high"),
    Feature("time_on_task", "Median time of tasks completed", family="ux", level="journey", unit="ms",
            measure=completed.quantile("duration_ms", 0.5), windows=USUAL_WINDOWS, trend=30,
            null_means="no task was completed", good="low"),
    Feature("days_since_last_task_failure", "Days since a task last failed", family="ux", level="journey",
            unit="days", measure=failed.days_since_last(), lookback=365,
            null_means="no task failed in a year", good="high"),
    Feature("worst_visit", "Errors, crashes, failed tasks, rage and dead clicks of the worst visit", family="ux",
            level="journey", unit="count", measure=troubles.most_per("session_id"), windows=USUAL_WINDOWS, good="low"),
    Feature("days_since_worst_visit", "Days since the worst visit", family="ux", level="journey", unit="days",
            measure=troubles.days_since_most_per("session_id"), windows=(90,),
            null_means="no visit had any trouble", good="high"),
    # lately against usual: rows count less with their age
    Feature("error_share_usual", "Errors per page view, usual for the account: rows count half after six months",
            family="ux", level="relationship", unit="share", measure=_usual(errors.count(), page_views.count(), 50.0),
            null_means="nobody viewed a page", good="low", feeds=True),
    Feature("errors_above_usual", "Errors per page view, above the account's own usual: rows count half after three "
            "weeks, in the usual after six months", family="ux", level="interaction", unit="share",
            measure=_above_usual(errors.count(), page_views.count(), LATELY, 30.0),
            null_means="nobody viewed a page", good="low", feeds=True, deviates=True),
    Feature("load_time_usual", "Mean load time of pages, usual for the account: rows count half after six months",
            family="ux", level="relationship", unit="ms",
            measure=_usual(timed.sum("duration_ms"), timed.count(), 10.0), null_means="no load was timed",
            good="low", feeds=True),
    Feature("load_time_above_usual", "Mean load time of pages, above the account's own usual: rows count half after "
            "three weeks, in the usual after six months", family="ux", level="interaction", unit="ms",
            measure=_above_usual(timed.sum("duration_ms"), timed.count(), LATELY, 10.0),
            null_means="no load was timed", good="low", feeds=True, deviates=True),
    Feature("task_failures_usual", "Tasks failed of those started, usual for the account: rows count half after six "
            "months", family="ux", level="relationship", unit="share",
            measure=_usual(failed.count(), started.count(), 10.0), null_means="nobody started a task", good="low",
            feeds=True),
    Feature("task_failures_above_usual", "Tasks failed of those started, above the account's own usual: rows count "
            "half after two months, in the usual after six", family="ux", level="journey", unit="share",
            measure=_above_usual(failed.count(), started.count(), 60, 10.0),
            null_means="nobody started a task", good="low", feeds=True, deviates=True),
    Feature("rage_clicks_above_usual", "Rage clicks per visit, above the account's own usual: rows count half after "
            "three weeks, in the usual after six months", family="ux", level="interaction", unit="per visit",
            measure=_above_usual(rage_clicks.count(), begun, LATELY, 10.0), null_means="nobody visited", good="low",
            feeds=True, deviates=True),
    # what all accounts meet where this one is active
    Feature("errors_met_by_all", "Errors per page view that all accounts met lately on the pages and platforms this "
            "account uses, above the usual there", family="ux", level="interaction", unit="share",
            measure=_met_by_all(errors.count(), page_views.count(), use=page_views.count()),
            null_means="nobody viewed a page", good="low", feeds=True, deviates=True),
    Feature("load_time_met_by_all", "Mean load time that all accounts met lately on the pages and platforms this "
            "account uses, above the usual there", family="ux", level="interaction", unit="ms",
            measure=_met_by_all(timed.sum("duration_ms"), timed.count(), use=page_views.count()),
            null_means="no load was timed", good="low", feeds=True, deviates=True),
    Feature("task_failures_met_by_all", "Failures per task started that all accounts met lately in the tasks and on "
            "the platforms this account uses, above the usual there", family="ux", level="journey", unit="share",
            measure=_met_by_all(failed.count(), started.count(), use=started.count()),
            null_means="nobody started a task", good="low", feeds=True, deviates=True),
)  # fmt: skip
