"""Usage features: visits, active users, features used, logins, conversions, and days since the last activity."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Deviation, Measure, Shrunk, named, rows_of

USUAL_WINDOWS = (7, 30, 90)

events = rows_of("events")
page_views = events.where(kind="page_view")
feature_used = events.where(kind="feature_used")
conversions = events.where(kind="conversion")
logins = events.where(kind="login")
visits = events.distinct("session_id")
users = rows_of("users")
begun = events.where(opens_visit=True).count()  # visits, counted like rows
feature_uses = feature_used.count()
answers = rows_of("surveys").timed_by("responded_at").known("score").count()


def _per_visit(rows: Measure, half_life: int, strength: float) -> Shrunk:
    """Return what the account does per visit, pulled toward what all accounts do by `strength` visits."""
    usual = rows.fading(180).of_all_accounts() / begun.fading(180).of_all_accounts()
    return Shrunk(rows.fading(half_life), begun.fading(half_life), usual, strength)


USAGE = (
    Feature("visits", "Visits (sessions)", family="usage", level="interaction", unit="count",
            measure=visits, windows=USUAL_WINDOWS, trend=30, peers=30, good="high", feeds=30),
    Feature("page_views", "Pages viewed", family="usage", level="interaction", unit="count",
            measure=page_views.count(), windows=USUAL_WINDOWS, trend=30, own=7, good="high", feeds=30),
    Feature("page_views_per_visit", "Pages viewed per visit", family="usage", level="interaction",
            unit="per visit", measure=page_views.count() / visits, windows=USUAL_WINDOWS, trend=30,
            null_means="no visit"),
    Feature("active_days", "Days with any activity", family="usage", level="relationship", unit="days",
            measure=events.distinct_days(), windows=USUAL_WINDOWS, trend=30, peers=30, good="high", feeds=30),
    Feature("active_users", "People active", family="usage", level="relationship", unit="count",
            measure=events.distinct("user_id"), windows=USUAL_WINDOWS, trend=30, good="high"),
    Feature("seats_active_share", "People active per seat paid for", family="usage", level="relationship",
            unit="share", measure=named("active_users") / named("seats"), windows=USUAL_WINDOWS, trend=30, peers=30,
            null_means="no seats are stated", good="high", feeds=30),
    Feature("champion_share", "Activity of the most active person, of all", family="usage", level="relationship",
            unit="share", measure=events.most_per("user_id") / events.known("user_id").count(), windows=(30, 90),
            null_means="nobody was active", feeds=90),
    Feature("champion_quiet_days", "Days since the most active person of 90 days was last seen", family="usage",
            level="relationship", unit="days", measure=events.days_since_most_per("user_id"), windows=(90,),
            null_means="nobody was active", good="low", feeds=90),
    Feature("people_joined", "People who joined", family="usage", level="relationship", unit="count",
            measure=users.count(), windows=(30, 90), good="high"),
    Feature("people_left", "People who left the account", family="usage", level="relationship", unit="count",
            measure=users.timed_by("left_at").count(), windows=(30, 90), good="low"),
    Feature("features_used", "Different features used", family="usage", level="relationship", unit="count",
            measure=feature_used.distinct("name"), windows=USUAL_WINDOWS, trend=30, good="high", feeds=30),
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
            null_means="nothing in a year", good="low", feeds=True),
    Feature("days_since_last_login", "Days since the last login", family="usage", level="relationship",
            unit="days", measure=logins.days_since_last(), lookback=365,
            null_means="no login in a year", good="low"),
    Feature("conversions", "Conversions", family="usage", level="journey", unit="count",
            measure=conversions.count(), windows=USUAL_WINDOWS, trend=30, good="high"),
    Feature("conversion_rate", "Visits with a conversion", family="usage", level="journey", unit="share",
            measure=conversions.distinct("session_id") / visits, windows=USUAL_WINDOWS, trend=30,
            null_means="no visit", good="high"),
    # lately against usual: rows count less with their age
    Feature("visit_pace", "Visits per day: visits count half after three weeks", family="usage",
            level="interaction", unit="per day", measure=begun.fading(21).per_day(),
            null_means="not observed yet", good="high", feeds=True),
    Feature("visit_pace_usual", "Visits per day, usual for the account: visits count half after six months",
            family="usage", level="relationship", unit="per day", measure=begun.fading(180).per_day(),
            null_means="not observed yet", good="high"),
    Feature("visit_pace_per_seat", "Visits per day and seat paid for: visits count half after two months",
            family="usage", level="relationship", unit="per day",
            measure=begun.fading(60).per_day() / named("seats"),
            null_means="not observed yet, or no seats are stated", good="high", feeds=True),
    Feature("visits_now_against_usual", "Visits against the account's own usual pace: visits count half after a week, "
            "in the usual after six months", family="usage", level="interaction", unit="log ratio",
            measure=Deviation(begun.fading(7), begun.fading(180), 3.0), null_means="not observed yet", good="high",
            feeds=True, deviates=True),
    Feature("visits_lately_against_usual", "Visits against the account's own usual pace: visits count half after "
            "three weeks, in the usual after six months", family="usage", level="interaction", unit="log ratio",
            measure=Deviation(begun.fading(21), begun.fading(180), 4.5), null_means="not observed yet", good="high",
            feeds=True, deviates=True),
    Feature("visits_this_season_against_usual", "Visits against the account's own usual pace: visits count half after "
            "two months, in the usual after a year", family="usage", level="relationship", unit="log ratio",
            measure=Deviation(begun.fading(60), begun.fading(365), 4.5), null_means="not observed yet", good="high",
            feeds=True, deviates=True),
    Feature("feature_use_against_usual", "Uses of features against the account's own usual pace: uses count half "
            "after three weeks, in the usual after six months", family="usage", level="interaction", unit="log ratio",
            measure=Deviation(feature_uses.fading(21), feature_uses.fading(180), 3.0), null_means="not observed yet",
            good="high", feeds=True, deviates=True),
    Feature("pages_per_visit_usual", "Pages per visit, usual for the account: rows count half after six months",
            family="usage", level="relationship", unit="per visit", measure=_per_visit(page_views.count(), 180, 5.0),
            null_means="nobody visited", feeds=True),
    Feature("pages_per_visit_lately", "Pages per visit: rows count half after a month", family="usage",
            level="interaction", unit="per visit", measure=_per_visit(page_views.count(), 30, 5.0),
            null_means="nobody visited", feeds=True),
    Feature("features_per_visit_usual", "Uses of features per visit, usual for the account: rows count half after six "
            "months", family="usage", level="relationship", unit="per visit",
            measure=_per_visit(feature_uses, 180, 5.0), null_means="nobody visited", good="high", feeds=True),
    Feature("features_per_visit_lately", "Uses of features per visit: rows count half after a month", family="usage",
            level="interaction", unit="per visit", measure=_per_visit(feature_uses, 30, 5.0),
            null_means="nobody visited", good="high", feeds=True),
    Feature("conversions_per_visit", "Conversions per visit: rows count half after six months", family="usage",
            level="journey", unit="per visit", measure=_per_visit(conversions.count(), 180, 20.0),
            null_means="nobody visited", good="high", feeds=True),
    Feature("answer_pace", "Surveys answered per day, whatever the answer: answers count half after six months",
            family="usage", level="relationship", unit="per day", measure=answers.fading(180).per_day(),
            null_means="not observed yet", good="high", feeds=True),
)  # fmt: skip
