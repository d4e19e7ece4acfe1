"""CX features: support tickets, response and resolution times, and surveys (NPS, CSAT, CES)."""

from __future__ import annotations

from undertow.features.catalogue.cards import Feature
from undertow.features.catalogue.language import Combination, Deviation, Rows, Shrunk, rows_of

tickets = rows_of("tickets")
opened = tickets.count()
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

# Usual standard deviations of answers, on scales of 0 to 10, 1 to 5 and 1 to 7: a quarter of the range, the mean over
# 4,048 questions of 25 surveys (Sauro and Lewis, The Variability and Reliability of Standardized UX Scales, table 1;
# https://measuringu.com/reliability-and-variability-of-standardized-ux-scales/).
SPREAD = {"nps": 2.5, "csat": 1.0, "ces": 1.5}


def _above_all(answers: Rows, column: str, spread: float, half_life: int) -> Combination:
    """Return the mean answer minus that of all accounts, in `spread`s, pulled toward 0 by one answer."""
    usual = answers.mean(column).fading(365).of_all_accounts()
    own = Shrunk(answers.sum(column).fading(half_life), answers.count().fading(half_life), usual, 1.0)
    return Combination(((1.0 / spread, own), (-1.0 / spread, usual)))


def _voice(half_life: int) -> Combination:
    """Return the sum over NPS, CSAT and CES; a high CES answer is taken for little effort, as in CES 2.0."""
    answers = {kind: surveys.where(kind=kind).known("scaled") for kind in SPREAD}
    parts = [_above_all(answers[kind], "scaled", spread, half_life) for kind, spread in SPREAD.items()]
    return Combination(tuple((1.0, part) for part in parts), null_is_zero=True)


def _mean_hours(rows: Rows, end: str, half_life: int) -> Shrunk:
    """Return the mean hours from the opening of tickets to `end`, pulled toward all accounts' by one ticket."""
    hours, count = rows.sum_of_hours("opened_at", end), rows.count()
    usual = hours.fading(180).of_all_accounts() / count.fading(180).of_all_accounts()
    return Shrunk(hours.fading(half_life), count.fading(half_life), usual, 1.0)


CX = (
    # support tickets
    Feature("tickets_opened", "Support tickets opened", family="cx", level="journey", unit="count",
            measure=opened, windows=(7, 30, 90), trend=30, own=30, peers=30, good="low"),
    Feature("urgent_tickets", "Urgent or high-priority tickets opened", family="cx", level="journey", unit="count",
            measure=tickets.where(priority=("urgent", "high")).count(), windows=(7, 30, 90), trend=30, good="low"),
    Feature("tickets_open", "Tickets open: not resolved yet, or reopened since", family="cx", level="journey",
            unit="count", measure=open_tickets.count(), lookback=365, change=30, good="low", feeds=True),
    Feature("oldest_open_ticket", "Age of the oldest open ticket, since it was opened", family="cx", level="journey",
            unit="days", measure=open_tickets.days_since_first(), lookback=365, null_means="no open ticket",
            good="low", feeds=True),
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
            measure=reopened.count(), windows=(30, 90), good="low", feeds=90),
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
            measure=nps.latest("score"), lookback=730, change=180, null_means="no NPS answer", good="high", feeds=True),
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
    # lately against usual: rows count less with their age
    Feature("ticket_pace_usual", "Support tickets opened per day, usual for the account: rows count half after six "
            "months", family="cx", level="relationship", unit="per day", measure=opened.fading(180).per_day(),
            null_means="not observed yet", feeds=True),
    Feature("tickets_now_against_usual", "Support tickets opened, against the account's own usual pace: rows count "
            "half after a week, in the usual after six months", family="cx", level="journey", unit="log ratio",
            measure=Deviation(opened.fading(7), opened.fading(180), 0.5), null_means="not observed yet", good="low",
            feeds=True, deviates=True),
    Feature("tickets_lately_against_usual", "Support tickets opened, against the account's own usual pace: rows count "
            "half after three weeks, in the usual after six months", family="cx", level="journey", unit="log ratio",
            measure=Deviation(opened.fading(21), opened.fading(180), 1.0), null_means="not observed yet", good="low",
            feeds=True, deviates=True),
    Feature("tickets_this_season_against_usual", "Support tickets opened, against the account's own usual pace: rows "
            "count half after two months, in the usual after a year", family="cx", level="journey", unit="log ratio",
            measure=Deviation(opened.fading(60), opened.fading(365), 1.0), null_means="not observed yet", good="low",
            feeds=True, deviates=True),
    Feature("voice_lately", "Survey answers against those of all accounts, in usual spreads: answers count half after "
            "a month", family="cx", level="relationship", unit="points", measure=_voice(30), good="high", feeds=True),
    Feature("voice", "Survey answers against those of all accounts, in usual spreads: answers count half after four "
            "months", family="cx", level="relationship", unit="points", measure=_voice(120), good="high", feeds=True),
    Feature("ticket_voice", "Ratings of tickets against those of all accounts, in usual spreads: ratings count half "
            "after four months", family="cx", level="journey", unit="points",
            measure=_above_all(rated, "csat", SPREAD["csat"], 120), null_means="nobody rated a ticket", good="high",
            feeds=True),
    Feature("resolution_hours_usual", "Mean hours from opening to resolution, usual for the account: tickets count "
            "half after four months", family="cx", level="journey", unit="hours",
            measure=_mean_hours(resolved, "resolved_at", 120), null_means="no ticket was resolved", good="low",
            feeds=True),
    Feature("resolution_hours_lately", "Mean hours from opening to resolution: tickets count half after a month",
            family="cx", level="journey", unit="hours", measure=_mean_hours(resolved, "resolved_at", 30),
            null_means="no ticket was resolved", good="low", feeds=True),
    Feature("first_response_hours_usual", "Mean hours to a first answer, usual for the account: tickets count half "
            "after four months", family="cx", level="journey", unit="hours",
            measure=_mean_hours(answered, "first_response_at", 120), null_means="no ticket was answered", good="low",
            feeds=True),
)  # fmt: skip
