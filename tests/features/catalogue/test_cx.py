"""Every customer-experience card by hand: tickets, survey answers, and the value of each of the card's columns."""

from __future__ import annotations

from math import log

import pytest

from tests.features.catalogue.rows import (
    AS_OF,
    JUST_BEFORE,
    RECORDED_LATE,
    ComputeExample,
    Example,
    account,
    ago,
    answered,
    faded,
    just_over,
    observed,
    opened,
    rated,
    resolved,
    surveys,
    tickets,
    timed,
    unanswered,
)

EXAMPLES = [
    Example(
        "tickets_opened", "against its own 60 days before, and its segment",
        tickets(opened(1, 7, 20, 30, 31, 60, 90, just_over(90)), opened(2, **RECORDED_LATE)),
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
        "tickets_open", "one reopened after it was resolved is open again, from then on",
        tickets(opened(60, resolved_at=ago(50), reopened_at=ago(40)), opened(60, resolved_at=ago(50),
                reopened_at=ago(30)), opened(60, resolved_at=ago(50), reopened_at=AS_OF),
                opened(60, resolved_at=ago(40), reopened_at=ago(50))),  # resolved again
        {"tickets_open": 2, "tickets_open_change_30": 2 - 1},
    ),
    Example(
        "oldest_open_ticket", "what was opened before it is resolved",
        tickets(opened(100, resolved_at=JUST_BEFORE), opened(ago(50, hours=12)), opened(3)),
        {"oldest_open_ticket": 50.5},
    ),
    Example(
        "oldest_open_ticket", "one reopened after it was resolved is as old as since it was opened",
        tickets(opened(30, resolved_at=ago(27), reopened_at=ago(25)), opened(3)),
        {"oldest_open_ticket": 30},
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
        tickets(opened(9, 90), opened(2, **RECORDED_LATE)),
        {"days_since_last_ticket": 9},
    ),
    Example(
        "first_response_time", "by the day of the answer; an unanswered ticket has no time",
        tickets(timed("first_response_at", 1, hours=2), timed("first_response_at", 3, hours=5), opened(1),
                timed("first_response_at", 20, hours=48), timed("first_response_at", 40, hours=100),
                opened(1, first_response_at=AS_OF)),
        {
            "first_response_time_7": 3.5,
            "first_response_time_30": 55 / 3,
            "first_response_time_90": 155 / 4,
            "first_response_time_trend_30": 55 / 3 - 100,
            "first_response_time_peers_90": 155 / 4 - (155 / 4 + 1) / 2,  # between 1 h and 38.75 h; the third has none
        },
        peers=[tickets(timed("first_response_at", 80, hours=1)), tickets(timed("first_response_at", 91, hours=1))],
    ),
    Example(
        "resolution_time", "of those resolved by then",
        tickets(timed("resolved_at", 1, hours=10), timed("resolved_at", 2, hours=20),
                timed("resolved_at", 10, hours=60),
                timed("resolved_at", 40, hours=24), opened(80)),
        {
            "resolution_time_7": 15,
            "resolution_time_30": 30,
            "resolution_time_90": 114 / 4,
            "resolution_time_trend_30": 30 - 24,
            "resolution_time_peers_90": 28.5 - 28.5,  # the segment has 28.5, 100 and 2
        },
        peers=[tickets(timed("resolved_at", 89, hours=100)), tickets(timed("resolved_at", 1, hours=2))],
    ),
    Example("resolution_time", "none was resolved", tickets(opened(80)), {"resolution_time_90": None}),
    Example(
        "reopened_tickets", "by the day it was reopened, not opened",
        tickets(opened(200, reopened_at=ago(30)), opened(200, reopened_at=just_over(30)), opened(5, reopened_at=AS_OF)),
        {"reopened_tickets_30": 1, "reopened_tickets_90": 2},
    ),
    Example(
        "reopened_tickets", "a reopening before the last resolution, or at it, is none",
        tickets(opened(20, resolved_at=ago(10), reopened_at=ago(12)),
                opened(20, resolved_at=ago(10), reopened_at=ago(10)),
                opened(20, resolved_at=ago(10), reopened_at=ago(9)),
                opened(20, resolved_at=AS_OF, reopened_at=ago(8))),  # this resolution is not known yet
        {"reopened_tickets_30": 2},
    ),
    Example(
        "reopen_rate", "of the tickets resolved in the window, those known as reopened since",
        tickets(resolved(3, 4, 40), resolved(2, reopened_at=ago(1)), resolved(5, reopened_at=AS_OF),
                resolved(6, reopened_at=ago(6.5)), resolved(41, reopened_at=ago(35)),
                resolved(42, reopened_at=ago(20)), opened(100, reopened_at=ago(5))),
        # 30 days ago the reopening of 20 days ago was not known.
        {"reopen_rate_30": 1 / 5, "reopen_rate_90": 3 / 8, "reopen_rate_trend_30": 1 / 5 - 1 / 3},
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
        surveys(answered("nps", (10, 8), (100, 5), (185, 3)), answered("csat", (1, 1)), unanswered(1)),
        {"nps_latest": 8, "nps_latest_change_180": 8 - 3},
    ),
    Example(
        "nps_latest", "an answer is known from when it was given, and forgotten after two years",
        surveys(unanswered(20, responded_at=AS_OF, score=2), answered("nps", (731, 9))),
        {"nps_latest": None, "nps_latest_change_180": None},
    ),
    Example(
        "nps_mean", "per window",
        surveys(answered("nps", (1, 10), (89, 6), (90, 5), (91, 9), (180, 1), (200, 2), (365, 0))),
        {
            "nps_mean_90": 7,
            "nps_mean_180": 31 / 5,
            "nps_mean_365": 33 / 7,
            "nps_mean_trend_90": 7 - 5,
        },
    ),
    Example(
        "nps_promoters", "9 and 10",
        surveys(answered("nps", (1, 9), (180, 10), (1, 8), (181, 9))),
        {"nps_promoters_180": 2},
    ),
    Example("nps_passives", "7 and 8", surveys(answered("nps", (1, 6), (1, 7), (1, 8), (1, 9))),
            {"nps_passives_180": 2}),
    Example(
        "nps_detractors", "0 to 6",
        surveys(answered("nps", (1, 0), (1, 6), (1, 7)), answered("ces", (1, 1)), unanswered(1)),
        {"nps_detractors_180": 2},
    ),
    Example(
        "nps", "promoters less detractors, of all",
        surveys(answered("nps", (1, 10), (2, 9), (3, 9), (4, 7), (5, 3), (200, 0), (201, 0), (202, 8))),
        {"nps_180": (3 - 1) / 5, "nps_365": (3 - 3) / 8},
    ),
    Example("nps", "no answer", surveys(answered("nps", (366, 10))), {"nps_365": None}),
    Example(
        "csat_mean", "per window",
        surveys(answered("csat", (1, 5), (29, 4), (30, 3), (89, 1), (90, 2), (170, 3))),
        {"csat_mean_30": 4, "csat_mean_90": 3, "csat_mean_180": 3, "csat_mean_trend_90": 3 - 3},
    ),
    Example(
        "csat_mean", "answers on another scale are carried to 1 to 5",
        surveys(answered("csat", (1, 4)), answered("csat", (2, 10), scale_max=10, scaled=5),
                unanswered(9, kind="csat", responded_at=AS_OF, score=1, scaled=1)),
        {"csat_mean_30": 4.5},
    ),
    Example(
        "csat_satisfied", "of 5, or of the scale that the answer states",
        surveys(answered("csat", (1, 5), (2, 4), (3, 3)), answered("csat", (4, 9), (5, 8), scale_max=10),
                answered("csat", (100, 6), scale_max=7)),
        {"csat_satisfied_90": 3 / 5, "csat_satisfied_180": 4 / 6},
    ),
    Example(
        "ces_mean", "per window",
        surveys(answered("ces", (1, 2), (89, 5), (91, 5)), answered("csat", (1, 1))),
        {"ces_mean_90": 3.5, "ces_mean_180": 4},
    ),
    Example(
        "ces_mean", "answers on another scale are carried to 1 to 7",
        surveys(answered("ces", (1, 4)), answered("ces", (2, 5), scale_max=5, scaled=7)),
        {"ces_mean_90": 5.5},
    ),
    Example(
        "surveys_answered", "by the day of the answer, of whatever kind",
        surveys(answered("nps", (1, 9)), answered("csat", (90, 3), (100, 3)), unanswered(1),
                unanswered(9, responded_at=AS_OF, score=4)),
        {"surveys_answered_90": 2, "surveys_answered_180": 3},
    ),
    Example(
        "surveys_unanswered", "by the day of the question; an answer at as_of has not come",
        surveys(unanswered(1, 90, 91, 180), unanswered(3, responded_at=AS_OF, score=9), unanswered(3, **RECORDED_LATE),
                answered("nps", (1, 9))),
        {"surveys_unanswered_90": 3, "surveys_unanswered_180": 5},
    ),
    Example(
        "days_since_last_survey", "since the answer, not the question",
        surveys(unanswered(9, responded_at=ago(4), score=1), unanswered(2)),
        {"days_since_last_survey": 4},
    ),
    Example(
        "days_since_last_survey", "none in two years",
        surveys(answered("nps", (731, 9))),
        {"days_since_last_survey": None},
    ),
    # rows that count less with their age
    Example(
        "ticket_pace_usual", "one of half a year ago counts half",
        {**account(360), **tickets(opened(180), opened(360), opened(1, **RECORDED_LATE))},
        {"ticket_pace_usual": (1 / 2 + 1 / 4) / (180 / log(2) * (1 - 1 / 4))},
    ),
    Example("ticket_pace_usual", "not observed yet", account(9), {"ticket_pace_usual": None}),
    Example(
        "tickets_now_against_usual", "one last week, one half a year ago",
        {**account(180), **tickets(opened(7), opened(180))},
        {"tickets_now_against_usual": log(
            (faded(7, 7, 180) + 0.5) / (faded(180, 7, 180) * observed(7, 180) / observed(180, 180) + 0.5)
        )},
    ),
    Example(
        "tickets_lately_against_usual", "one three weeks ago, one half a year ago",
        {**account(180), **tickets(opened(21), opened(180))},
        {"tickets_lately_against_usual": log(
            (1 / 2 + faded(21, 180) + 1) / ((faded(180, 21) + 1 / 2) * observed(21, 180) / observed(180, 180) + 1)
        )},
    ),
    Example(
        "tickets_this_season_against_usual", "one two months ago, one a year ago",
        {**account(365), **tickets(opened(60), opened(365))},
        {"tickets_this_season_against_usual": log(
            (1 / 2 + faded(60, 365) + 1) / ((faded(365, 60) + 1 / 2) * observed(60, 365) / observed(365, 365) + 1)
        )},
    ),
    Example(
        "voice_lately", "of each kind, against all accounts, with one answer like theirs",
        surveys(answered("nps", (30, 10)), answered("csat", (30, 2))),
        # NPS: all accounts 8, so (10 / 2 + 8) / (1 / 2 + 1) - 8 = 2 / 3, of 2.5. CSAT: itself alone is usual.
        {"voice_lately": 2 / 3 / 2.5},
        others=[surveys(answered("nps", (30, 6)))],
    ),
    Example("voice_lately", "nobody answered", surveys(unanswered(9)), {"voice_lately": 0.0}),
    Example(
        "voice", "four months ago counts half; an answer that is not known yet not at all",
        surveys(answered("csat", (120, 5)), answered("ces", (120, 1)), answered("csat", (0, 1))),
        # CSAT: all accounts 4, so (5 / 2 + 4) / (3 / 2) - 4 = 1 / 3, of 1. CES: 3, so -2 / 3, of 1.5.
        {"voice": 1 / 3 - 2 / 3 / 1.5},
        others=[surveys(answered("csat", (120, 3)), answered("ces", (120, 5)))],
    ),
    Example(
        "ticket_voice", "by the day of the rating",
        tickets(rated((120, 1))),
        # All accounts: 3. So (1 / 2 + 3) / (3 / 2) - 3, of 1.
        {"ticket_voice": -2 / 3},
        others=[tickets(rated((120, 5)))],
    ),
    Example("ticket_voice", "nobody rated a ticket", tickets(opened(9)), {"ticket_voice": None}),
    Example(
        "resolution_hours_usual", "an open ticket does not count",
        tickets(timed("resolved_at", 120, 10), opened(9)),
        # All accounts: 10 and 30 hours.
        {"resolution_hours_usual": (10 / 2 + 20) / (1 / 2 + 1)},
        others=[tickets(timed("resolved_at", 120, 30))],
    ),
    Example("resolution_hours_usual", "no ticket was resolved", tickets(opened(9)), {"resolution_hours_usual": None}),
    Example(
        "resolution_hours_lately", "a month ago counts half",
        tickets(timed("resolved_at", 30, 10), timed("resolved_at", 0, 1000)),
        {"resolution_hours_lately": (10 / 2 + 20) / (1 / 2 + 1)},
        others=[tickets(timed("resolved_at", 30, 30))],
    ),
    Example(
        "first_response_hours_usual", "until the first answer, not the resolution",
        tickets(timed("first_response_at", 120, 4, resolved_at=ago(1))),
        {"first_response_hours_usual": (4 / 2 + 3) / (1 / 2 + 1)},
        others=[tickets(timed("first_response_at", 120, 2))],
    ),
    Example("first_response_hours_usual", "no ticket was answered", tickets(opened(9)),
            {"first_response_hours_usual": None}),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_cx_card_as_computed_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
