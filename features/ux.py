"""How the product feels: errors, failures, load times, frustration."""

from __future__ import annotations

from features.definition import Feature, rows_of

WINDOWS = (7, 30, 90)
SLOW_LOAD_MS = 3000.0
POOR_LCP_MS = 4000.0  # web-vitals: poor above 4 s

events = rows_of("events")
page_views = events.where(kind="page_view")
errors = events.where(kind="error")
crashes = events.where(kind="crash")
started = events.where(kind="task_started")
completed = events.where(kind="task_completed")
failed = events.where(kind="task_failed")
lcp = events.where(kind="web_vital", name="LCP")
frustrated = events.where(kind=("rage_click", "dead_click"))

FEATURES = (
    Feature("errors", "Errors met", family="ux", level="interaction", unit="count",
            measure=errors.count(), windows=WINDOWS, trend=30, good="low"),
    Feature("error_rate", "Errors per page view", family="ux", level="interaction", unit="share",
            measure=errors.count() / page_views.count(), windows=WINDOWS, trend=30,
            null_means="no page was viewed", good="low"),
    Feature("days_since_last_error", "Days since the last error", family="ux", level="interaction", unit="days",
            measure=errors.days_since_last(), lookback=365, null_means="no error in a year", good="high"),
    Feature("crashes", "Crashes met", family="ux", level="interaction", unit="count",
            measure=crashes.count(), windows=(30, 90), good="low"),
    Feature("load_time_median", "Median load time of pages", family="ux", level="interaction", unit="ms",
            measure=page_views.quantile("duration_ms", 0.5), windows=(30,), trend=30,
            null_means="no page was viewed", good="low"),
    Feature("load_time_p95", "Load time that one page in twenty exceeds", family="ux", level="interaction", unit="ms",
            measure=page_views.quantile("duration_ms", 0.95), windows=(30, 90),
            null_means="no page was viewed", good="low"),
    Feature("slow_load_share", "Pages that took over 3 seconds", family="ux", level="interaction", unit="share",
            measure=page_views.above(duration_ms=SLOW_LOAD_MS).count() / page_views.count(),
            windows=(30, 90), trend=30, null_means="no page was viewed", good="low"),
    Feature("lcp_p75", "Largest contentful paint that one page in four exceeds", family="ux",
            level="interaction", unit="ms", measure=lcp.quantile("value", 0.75), windows=(30,),
            null_means="no web vital was reported", good="low"),
    Feature("poor_lcp_share", "Pages whose largest contentful paint was poor (over 4 seconds)", family="ux",
            level="interaction", unit="share", measure=lcp.above(value=POOR_LCP_MS).count() / lcp.count(),
            windows=(30,), null_means="no web vital was reported", good="low"),
    Feature("frustrated_clicks_per_visit", "Rage and dead clicks per visit", family="ux",
            level="interaction", unit="per visit", measure=frustrated.count() / events.distinct("session_id"),
            windows=(30, 90), null_means="no visit", good="low"),
    Feature("tasks_started", "Tasks started", family="ux", level="journey", unit="count",
            measure=started.count(), windows=(30, 90), trend=30),
    Feature("task_failures", "Tasks failed", family="ux", level="journey", unit="count",
            measure=failed.count(), windows=WINDOWS, trend=30, good="low"),
    Feature("task_success_rate", "Tasks completed of those started", family="ux", level="journey", unit="share",
            measure=completed.count() / started.count(), windows=(30, 90), trend=30,
            null_means="no task was started", good="high"),
    Feature("task_failure_rate", "Tasks failed of those started", family="ux", level="journey", unit="share",
            measure=failed.count() / started.count(), windows=(30, 90),
            null_means="no task was started", good="low"),
    Feature("task_margin", "Mean value of completed tasks, such as days before the due date", family="ux",
            level="journey", unit="score", measure=completed.mean("value"), windows=(30, 90),
            null_means="no completed task carries a value", good="high"),
    Feature("time_on_task", "Median time of tasks completed", family="ux", level="journey", unit="ms",
            measure=completed.quantile("duration_ms", 0.5), windows=(30, 90),
            null_means="no task was completed", good="low"),
    Feature("days_since_last_task_failure", "Days since a task last failed", family="ux", level="journey",
            unit="days", measure=failed.days_since_last(), lookback=365,
            null_means="no task failed in a year", good="high"),
)  # fmt: skip
