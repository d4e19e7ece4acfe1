"""How people are treated: tickets, answers, surveys."""

from __future__ import annotations

from features.definition import Feature, rows_of

tickets = rows_of("tickets")
resolved = tickets.timed_by("resolved_at")
rated = tickets.timed_by("csat_at").known("csat")
still_open = tickets.still("resolved_at")
surveys = rows_of("surveys")
nps = surveys.where(kind="nps")
csat = surveys.where(kind="csat")
ces = surveys.where(kind="ces")

FEATURES = (
    Feature("tickets_opened", "Support tickets opened", family="cx", level="journey", unit="count",
            measure=tickets.count(), windows=(7, 30, 90), trend=30, good="low"),
    Feature("urgent_tickets", "Urgent or high-priority tickets opened", family="cx", level="journey", unit="count",
            measure=tickets.where(priority=("urgent", "high")).count(), windows=(30, 90), good="low"),
    Feature("tickets_open", "Tickets still open", family="cx", level="journey", unit="count",
            measure=still_open.count(), lookback=365, good="low"),
    Feature("oldest_open_ticket", "Age of the oldest open ticket", family="cx", level="journey", unit="days",
            measure=still_open.days_since_first(), lookback=365, null_means="no open ticket", good="low"),
    Feature("days_since_last_ticket", "Days since the last ticket was opened", family="cx", level="journey",
            unit="days", measure=tickets.days_since_last(), lookback=730,
            null_means="no ticket in two years", good="high"),
    Feature("first_response_time", "Mean time to a first answer", family="cx", level="journey", unit="hours",
            measure=tickets.timed_by("first_response_at").hours_between("opened_at", "first_response_at"),
            windows=(30, 90), null_means="no ticket was answered", good="low"),
    Feature("resolution_time", "Mean time to resolution, of the tickets resolved by then", family="cx",
            level="journey", unit="hours", measure=resolved.hours_between("opened_at", "resolved_at"),
            windows=(30, 90), null_means="no ticket was resolved", good="low"),
    Feature("reopened_tickets", "Tickets reopened", family="cx", level="journey", unit="count",
            measure=tickets.timed_by("reopened_at").count(), windows=(90,), good="low"),
    Feature("escalated_tickets", "Tickets escalated", family="cx", level="journey", unit="count",
            measure=tickets.timed_by("escalated_at").count(), windows=(90,), good="low"),
    Feature("ticket_csat", "Mean satisfaction with tickets, 1 to 5", family="cx", level="journey", unit="score",
            measure=rated.mean("csat"), windows=(90, 180), null_means="no ticket was rated", good="high"),
    Feature("nps_latest", "Latest NPS answer, 0 to 10", family="cx", level="relationship", unit="score",
            measure=nps.latest("score"), lookback=730, null_means="no NPS answer", good="high"),
    Feature("nps_mean", "Mean NPS answer, 0 to 10", family="cx", level="relationship", unit="score",
            measure=nps.mean("score"), windows=(180,), null_means="no NPS answer", good="high"),
    Feature("csat_mean", "Mean CSAT answer", family="cx", level="relationship", unit="score",
            measure=csat.mean("score"), windows=(90, 180), null_means="no CSAT answer", good="high"),
    Feature("ces_mean", "Mean customer effort answer", family="cx", level="journey", unit="score",
            measure=ces.mean("score"), windows=(180,), null_means="no CES answer"),
    Feature("surveys_answered", "Surveys answered", family="cx", level="relationship", unit="count",
            measure=surveys.count(), windows=(90, 180)),
    Feature("days_since_last_survey", "Days since a survey was last answered", family="cx",
            level="relationship", unit="days", measure=surveys.days_since_last(), lookback=730,
            null_means="no survey answered"),
)  # fmt: skip
