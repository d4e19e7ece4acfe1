"""Usage features: visits, active users, features used, logins, conversions, and days since the last activity."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import named, rows_of

USUAL_WINDOWS = (7, 30, 90)

events = rows_of("events")
page_views = events.where(kind="page_view")
feature_used = events.where(kind="feature_used")
conversions = events.where(kind="conversion")
logins = events.where(kind="login")
visits = events.distinct("session_id")
users = rows_of("users")

USAGE = (
    Feature("visits", "Visits (sessions)", family="usage", level="interaction", unit="count",
            measure=visits, windows=USUAL_WINDOWS, trend=30, peers=30, good="high"),
    Feature("page_views", "Pages viewed", family="usage", level="interaction", unit="count",
            measure=page_views.count(), windows=USUAL_WINDOWS, trend=30, own=7, good="high"),
    Feature("page_views_per_visit", "Pages viewed per visit", family="usage", level="interaction",
            unit="per visit", measure=page_views.count() / visits, windows=USUAL_WINDOWS, trend=30,
            null_means="no visit"),
    Feature("active_days", "Days with any activity", family="usage", level="relationship", unit="days",
            measure=events.distinct_days(), windows=USUAL_WINDOWS, trend=30, peers=30, good="high"),
    Feature("active_users", "People active", family="usage", level="relationship", unit="count",
            measure=events.distinct("user_id"), windows=USUAL_WINDOWS, trend=30, good="high"),
    Feature("seats_active_share", "People active per seat paid for", family="usage", level="relationship",
            unit="share", measure=named("active_users") / named("seats"), windows=USUAL_WINDOWS, trend=30, peers=30,
            null_means="no seats are stated", good="high"),
    Feature("champion_share", "Activity of the most active person, of all", family="usage", level="relationship",
            unit="share", measure=events.most_per("user_id") / events.known("user_id").count(), windows=(30, 90),
            null_means="nobody was active"),
    Feature("champion_quiet_days", "Days since the most active person of 90 days was last seen", family="usage",
            level="relationship", unit="days", measure=events.days_since_most_per("user_id"), windows=(90,),
            null_means="nobody was active", good="low"),
    Feature("people_joined", "People who joined", family="usage", level="relationship", unit="count",
            measure=users.count(), windows=(30, 90), good="high"),
    Feature("people_left", "People who left the account", family="usage", level="relationship", unit="count",
            measure=users.timed_by("left_at").count(), windows=(30, 90), good="low"),
    Feature("features_used", "Different features used", family="usage", level="relationship", unit="count",
            measure=feature_used.distinct("name"), windows=USUAL_WINDOWS, trend=30, good="high"),
    Feature("feature_use", "Uses of features", family="usage", level="interaction", unit="count",
            measure=feature_used.count(), windows=USUAL_WINDOWS, trend=30, own=7, good="high"),
    Feature("amount_of_use", "Amount of use that the feature events state", family="usage", level="interaction",
            unit="score", measure=feature_used.sum("value"), windows=(30, 90), trend=30, good="high"),
    Feature("platforms_used", "Different platforms used", family="usage", level="relationship", unit="count",
            measure=events.distinct("platform"), windows=(30, 90)),
    Feature("logins", "Logins", family="usage", level="interaction", unit="count",
            measure=logins.count(), windows=USUAL_WINDOWS, trend=30, good="high"),
    Feature("days_since_last_activity", "Days since anything was done", family="usage", level="relationship",
            unit="days", measure=events.days_since_last(), lookback=365,
            null_means="nothing in a year", good="low"),
    Feature("days_since_last_login", "Days since the last login", family="usage", level="relationship",
            unit="days", measure=logins.days_since_last(), lookback=365,
            null_means="no login in a year", good="low"),
    Feature("conversions", "Conversions", family="usage", level="journey", unit="count",
            measure=conversions.count(), windows=USUAL_WINDOWS, trend=30, good="high"),
    Feature("conversion_rate", "Visits with a conversion", family="usage", level="journey", unit="share",
            measure=conversions.distinct("session_id") / visits, windows=USUAL_WINDOWS, trend=30,
            null_means="no visit", good="high"),
)  # fmt: skip
