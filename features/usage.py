"""How much the product is used, by how many, and since when it went quiet."""

from __future__ import annotations

from features.definition import Feature, rows_of

WINDOWS = (7, 30, 90)

events = rows_of("events")
feature_used = events.where(kind="feature_used")

FEATURES = (
    Feature("visits", "Visits (sessions)", family="usage", level="interaction", unit="count",
            measure=events.distinct("session_id"), windows=WINDOWS, trend=30, good="high"),
    Feature("page_views", "Pages viewed", family="usage", level="interaction", unit="count",
            measure=events.where(kind="page_view").count(), windows=(30, 90), trend=30, good="high"),
    Feature("page_views_per_visit", "Pages viewed per visit", family="usage", level="interaction",
            unit="per visit", measure=events.where(kind="page_view").count() / events.distinct("session_id"),
            windows=(30,), null_means="no visit"),
    Feature("active_days", "Days with any activity", family="usage", level="relationship", unit="days",
            measure=events.distinct_days(), windows=WINDOWS, trend=30, good="high"),
    Feature("active_users", "People active", family="usage", level="relationship", unit="count",
            measure=events.distinct("user_id"), windows=WINDOWS, trend=30, good="high"),
    Feature("features_used", "Different features used", family="usage", level="relationship", unit="count",
            measure=feature_used.distinct("name"), windows=(30, 90), trend=30, good="high"),
    Feature("feature_use", "Uses of features", family="usage", level="interaction", unit="count",
            measure=feature_used.count(), windows=(30, 90), trend=30, good="high"),
    Feature("amount_of_use", "Amount of use that the feature events state", family="usage", level="interaction",
            unit="score", measure=feature_used.sum("value"), windows=(90,), good="high"),
    Feature("days_since_last_activity", "Days since anything was done", family="usage", level="relationship",
            unit="days", measure=events.days_since_last(), lookback=365,
            null_means="nothing in a year", good="low"),
    Feature("days_since_last_login", "Days since the last login", family="usage", level="relationship",
            unit="days", measure=events.where(kind="login").days_since_last(), lookback=365,
            null_means="no login in a year", good="low"),
    Feature("conversions", "Conversions", family="usage", level="journey", unit="count",
            measure=events.where(kind="conversion").count(), windows=(30, 90), good="high"),
)  # fmt: skip
