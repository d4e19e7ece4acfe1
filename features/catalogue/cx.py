"""CX features: support tickets, response and resolution times, and surveys (NPS, CSAT, CES)."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import rows_of

tickets = rows_of("tickets")
answered = tickets.timed_by("first_response_at")
resolved = tickets.timed_by("resolved_at")
open_tickets = tickets.open("resolved_at", "reopened_at")
resolved_and_reopened = open_tickets.timed_by("resolved_at")
reopened = open_tickets.timed_by("reopened_at")
escalated = tickets.timed_by("escalated_at")
rated = tickets.timed_by("csat_at").known("csat")
asked = rows_of("surveys")
surveys = asked.timed_by("responded_at").known("score")
nps = surveys.where(kind="nps")
promoters = nps.at_least(score=9)
passives = nps.at_least(score=7).below(score=9)
detractors = nps.below(score=7)
csat = surveys.where(kind="csat")
ces = surveys.where(kind="ces")

CX = (
    # support tickets
    Feature("tickets_opened", "Support tickets opened", family="cx", level="journey", unit="count",
            measure=tickets.count(), windows=(7, 30, 90), trend=30, own=30, peers=30, good="low"),
    Feature("urgent_tickets", "Urgent or high-priority tickets opened", family="cx", level="journey", unit="count",
            measure=tickets.where(priority=("urgent", "high")).count(), windows=(7, 30, 90), trend=30, good="low"),
    Feature("tickets_open", "Tickets open: not resolved yet, or reopened since", family="cx", level="journey",
            unit="count", measure=open_tickets.count(), lookback=365, change=30, good="low"),
    Feature("oldest_open_ticket", "Age of the oldest open ticket, since it was opened", family="cx", level="journey",
            unit="days", measure=open_tickets.days_since_first(), lookback=365, null_means="no open ticket",
            good="low"),
    Feature("days_since_last_ticket", "Days since the last ticket was opened", family="cx", level="journey",
            unit="days", measure=tickets.days_since_last(), lookback=730,
            null_means="no ticket in two years", good="high"),
    Feature("first_response_time", "Mean time to a first answer", family="cx", level="journey", unit="hours",
            measure=answered.hours_between("opened_at", "first_response_at"), windows=(7, 30, 90), trend=30, peers=90,
            null_means="no ticket was answered", good="low"),
    Feature("resolution_time", "Mean time to resolution, of the tickets resolved by then", family="cx",
            level="journey", unit="hours", measure=resolved.hours_between("opened_at", "resolved_at"),
            windows=(7, 30, 90), trend=30, peers=90, null_means="no ticket was resolved", good="low"),
    Feature("reopened_tickets", "Tickets reopened and not resolved since", family="cx", level="journey", unit="count",
            measure=reopened.count(), windows=(30, 90), good="low"),
    Feature("reopen_rate", "Tickets reopened since, of those resolved", family="cx", level="journey", unit="share",
            measure=resolved_and_reopened.count() / resolved.count(), windows=(30, 90), trend=30,
            null_means="no ticket was resolved", good="low"),
    Feature("escalated_tickets", "Tickets escalated", family="cx", level="journey", unit="count",
            measure=escalated.count(), windows=(30, 90), good="low"),
    Feature("escalation_rate", "Tickets escalated, of those opened", family="cx", level="journey", unit="share",
            measure=escalated.count() / tickets.count(), windows=(30, 90), trend=30,
            null_means="no ticket was opened", good="low"),
    Feature("ticket_csat", "Mean satisfaction with tickets, 1 to 5", family="cx", level="journey", unit="score",
            measure=rated.mean("csat"), windows=(30, 90, 180), trend=90, null_means="no ticket was rated", good="high"),
    Feature("satisfied_tickets", "Tickets rated 4 or 5 of 5", family="cx", level="journey", unit="share",
            measure=rated.at_least(csat=4).count() / rated.count(), windows=(90, 180),
            null_means="no ticket was rated", good="high"),
    # surveys
    Feature("nps_latest", "Latest NPS answer, 0 to 10", family="cx", level="relationship", unit="score",
            measure=nps.latest("score"), lookback=730, change=180, null_means="no NPS answer", good="high"),
    Feature("nps_mean", "Mean NPS answer, 0 to 10", family="cx", level="relationship", unit="score",
            measure=nps.mean("score"), windows=(90, 180, 365), trend=90, null_means="no NPS answer", good="high"),
    Feature("nps_promoters", "NPS answers of promoters (9 and 10)", family="cx", level="relationship",
            unit="count", measure=promoters.count(), windows=(180,), good="high"),
    Feature("nps_passives", "NPS answers of passives (7 and 8)", family="cx", level="relationship", unit="count",
            measure=passives.count(), windows=(180,)),
    Feature("nps_detractors", "NPS answers of detractors (0 to 6)", family="cx", level="relationship", unit="count",
            measure=detractors.count(), windows=(180,), good="low"),
    Feature("nps", "NPS: share of promoters minus share of detractors, -1 to 1", family="cx", level="relationship",
            unit="points", measure=(promoters.count() - detractors.count()) / nps.count(), windows=(180, 365),
            null_means="no NPS answer", good="high"),
    Feature("csat_mean", "Mean CSAT answer, carried to a scale of 1 to 5", family="cx", level="relationship",
            unit="score", measure=csat.mean("scaled"), windows=(30, 90, 180), trend=90,
            null_means="no CSAT answer", good="high"),
    Feature("csat_satisfied", "CSAT answers among the two best of the scale", family="cx", level="relationship",
            unit="share", measure=csat.top(2).count() / csat.count(), windows=(90, 180),
            null_means="no CSAT answer", good="high"),
    Feature("ces_mean", "Mean customer effort (CES) answer, carried to a scale of 1 to 7", family="cx",
            level="journey", unit="score", measure=ces.mean("scaled"), windows=(90, 180), null_means="no CES answer"),
    Feature("surveys_answered", "Surveys answered", family="cx", level="relationship", unit="count",
            measure=surveys.count(), windows=(90, 180)),
    Feature("surveys_unanswered", "Surveys asked and not answered", family="cx", level="relationship", unit="count",
            measure=asked.still("responded_at").count(), windows=(90, 180), good="low"),
    Feature("days_since_last_survey", "Days since a survey was last answered", family="cx",
            level="relationship", unit="days", measure=surveys.days_since_last(), lookback=730,
            null_means="no survey answered"),
)  # fmt: skip
