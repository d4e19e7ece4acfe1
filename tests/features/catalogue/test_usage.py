"""Every usage card by hand: a few rows, and the value of each of the card's columns."""

from __future__ import annotations

from math import log

import pytest

from tests.features.catalogue.rows import (
    AS_OF,
    JUST_BEFORE,
    MICROSECOND,
    RECORDED_LATE,
    ComputeExample,
    Example,
    account,
    ago,
    answered,
    by_users,
    events,
    faded,
    in_visits,
    observed,
    of_kind,
    subscription,
    subscriptions,
    surveys,
    unanswered,
    visited,
)

EXAMPLES = [
    Example(
        "visits", "a session is one visit, however much was done in it",
        events(in_visits("click", 1, "v1", "v1", "v2", None), in_visits("error", 10, "v1", "v3"),
               in_visits("login", 40, "v1", "v4")),
        {
            "visits_7": 2,
            "visits_30": 3,
            "visits_90": 4,
            "visits_trend_30": 3 - 2,
            "visits_peers_30": 3 - 2,  # the segment has 3, 2 and 1
        },
        peers=[events(in_visits("click", 30, "w1", "w2")), events(in_visits("click", 3, "w3", "w3"))],
    ),
    Example(
        "page_views", "per window",
        events(of_kind("page_view", 1, 2, 8, 31, 45, 89), of_kind("click", 1)),
        {
            "page_views_7": 2,
            "page_views_30": 3,
            "page_views_90": 6,
            "page_views_trend_30": 3 - 2,
            "page_views_own_7": 2 - 4 * 7 / 83,
        },
    ),
    Example(
        "page_views_per_visit", "over all visits, those without a page too",
        events(in_visits("page_view", 1, "v1", "v1", "v1"), in_visits("login", 1, "v2"),
               in_visits("page_view", 10, "v2"),
               in_visits("page_view", 40, "v1")),
        {
            "page_views_per_visit_7": 3 / 2,
            "page_views_per_visit_30": 4 / 2,
            "page_views_per_visit_90": 5 / 2,
            "page_views_per_visit_trend_30": 2 - 1 / 1,
        },
    ),
    Example(
        "page_views_per_visit", "pages without a visit",
        events(of_kind("page_view", 1)),
        {"page_views_per_visit_7": None},
    ),
    Example(
        "active_days", "a day begins at midnight UTC",
        events(of_kind("click", ago(1), ago(1) - MICROSECOND, ago(0, hours=1), 8, ago(8, hours=-3), 40)),
        # one day ago at midnight and an hour before as_of are one day, a moment before midnight is another.
        {
            "active_days_7": 2,
            "active_days_30": 3,
            "active_days_90": 4,
            "active_days_trend_30": 3 - 1,
            "active_days_peers_30": 3 - 3,  # the segment has 3, 5 and 0
        },
        peers=[events(of_kind("click", 1, 2, 3, 4, 5)), {}],
    ),
    Example(
        "active_users", "who is named",
        events(by_users("ann", "ann", "ben"), of_kind("click", 1), by_users("cay", when=10),
               by_users("ann", "dee", when=40)),
        {"active_users_7": 2, "active_users_30": 3, "active_users_90": 4, "active_users_trend_30": 3 - 2},
    ),
    Example(
        "seats_active_share", "over the seats at each end of time",
        events(by_users("ann", "ben"), by_users("cay", when=10), by_users("ann", when=40))
        | subscriptions(subscription(200, 20, seats=4), subscription(20, seats=5), subscription(20, seats=1)),
        {
            "seats_active_share_7": 2 / 6,
            "seats_active_share_30": 3 / 6,
            "seats_active_share_90": 3 / 6,
            "seats_active_share_trend_30": 3 / 6 - 1 / 4,  # 30 days ago 4 seats were paid for
            "seats_active_share_peers_30": 0.5 - 0.75,  # between its own 0.5 and 1; the third states no seats
        },
        peers=[events(by_users("dee")) | subscriptions(subscription(9, seats=1)), events(by_users("eve"))],
    ),
    Example(
        "champion_share", "of what somebody did",
        events(by_users("ann", "ann", "ann", "ben"), of_kind("click", 1), by_users("ben", "ben", "ben", when=40)),
        {"champion_share_30": 3 / 4, "champion_share_90": 4 / 7},
    ),
    Example("champion_share", "nobody is named", events(of_kind("click", 1)), {"champion_share_30": None}),
    Example(
        "champion_quiet_days", "since the most active person was last seen",
        events(by_users("ann", when=80), by_users("ann", when=60), by_users("ann", when=33.5),
               by_users("ben", "ben", when=1)),
        {"champion_quiet_days_90": 33.5},
    ),
    Example(
        "people_joined", "by the day they joined, once it was written down",
        {"users": [{"joined_at": ago(1)}, {"joined_at": ago(30), "left_at": ago(2)}, {"joined_at": ago(31)},
                   {"joined_at": ago(3), **RECORDED_LATE}]},
        {"people_joined_30": 2, "people_joined_90": 3},
    ),
    Example(
        "people_left", "by the day they left",
        {"users": [{"joined_at": ago(300), "left_at": at} for at in (JUST_BEFORE, AS_OF, ago(30), ago(80), ago(91),
                   None)]},
        {"people_left_30": 2, "people_left_90": 3},
    ),
    Example(
        "features_used", "different ones",
        events(of_kind("feature_used", 1, 2, name="export"), of_kind("feature_used", 1, name="import"),
               of_kind("feature_used", 1),
               of_kind("feature_used", 10, name="share"), of_kind("feature_used", 40, name="export"),
               of_kind("click", 1, name="menu")),
        {"features_used_7": 2, "features_used_30": 3, "features_used_90": 3, "features_used_trend_30": 3 - 1},
    ),
    Example(
        "feature_use", "each time",
        events(of_kind("feature_used", 1, 2, name="export"), of_kind("feature_used", 1),
               of_kind("feature_used", 10, 40, 41, 90)),
        {
            "feature_use_7": 3,
            "feature_use_30": 4,
            "feature_use_90": 7,
            "feature_use_trend_30": 4 - 2,
            "feature_use_own_7": 3 - 4 * 7 / 83,
        },
    ),
    Example(
        "amount_of_use", "what the events state, together",
        events(of_kind("feature_used", 1, value=2.5), of_kind("feature_used", 1), of_kind("feature_used", 10, value=1),
               of_kind("feature_used", 40, value=8)),
        {"amount_of_use_30": 3.5, "amount_of_use_90": 11.5, "amount_of_use_trend_30": 3.5 - 8},
    ),
    Example(
        "platforms_used", "different ones",
        events(of_kind("click", 1, 2, platform="web"), of_kind("error", 3, platform="ios"),
               of_kind("click", 40, platform="android"), of_kind("click", 1)),
        {"platforms_used_30": 2, "platforms_used_90": 3},
    ),
    Example(
        "logins", "per window",
        events(of_kind("login", 1, 1, 10, 40), of_kind("click", 1)),
        {"logins_7": 2, "logins_30": 3, "logins_90": 4, "logins_trend_30": 3 - 1},
    ),
    Example(
        "days_since_last_activity", "anything at all that was known",
        events(of_kind("click", 77), of_kind("unheard_of", ago(5, hours=6)), of_kind("click", 1, **RECORDED_LATE)),
        {"days_since_last_activity": 5.25},
    ),
    Example(
        "days_since_last_activity", "nothing in a year",
        events(of_kind("click", 366)),
        {"days_since_last_activity": None},
    ),
    Example(
        "days_since_last_login", "other use is no login",
        events(of_kind("login", 90), of_kind("click", 1)),
        {"days_since_last_login": 90},
    ),
    Example(
        "conversions", "per window",
        events(of_kind("conversion", 1, 10, 40, 41), of_kind("click", 1)),
        {"conversions_7": 1, "conversions_30": 2, "conversions_90": 4, "conversions_trend_30": 2 - 2},
    ),
    Example(
        "conversion_rate", "two conversions of one visit are one visit with a conversion",
        events(in_visits("conversion", 1, "v1", "v1", None), in_visits("click", 1, "v2", "v3", "v4"),
               in_visits("conversion", 10, "v2"),
               in_visits("click", 40, "v5")),
        {
            "conversion_rate_7": 1 / 4,
            "conversion_rate_30": 2 / 4,
            "conversion_rate_90": 2 / 5,
            "conversion_rate_trend_30": 0.5 - 0,
        },
    ),
    # rows that count less with their age
    Example(
        "visit_pace", "a visit of today counts 1, one of three weeks ago a half, per day as they count",
        {**account(42), **events(visited(JUST_BEFORE, 21, 42), of_kind("click", 1), visited(1, **RECORDED_LATE))},
        # Of 42 days, the last 21 count half of what all days up to now would, the 21 before a quarter.
        {"visit_pace": (1 + 1 / 2 + 1 / 4) / (21 / log(2) * (1 / 2 + 1 / 4))},
    ),
    Example(
        "visit_pace", "the days before the record began do not count, those before others' rows do",
        {**account(900), **events(visited(21))},
        {"visit_pace": (1 / 2) / (21 / log(2) * (1 - 1 / 4))},
        others=[events(of_kind("click", 42))],
    ),
    Example("visit_pace", "not observed yet", account(42), {"visit_pace": None}),
    Example(
        "visit_pace_usual", "the days before the account was created do not count",
        {**account(180), **events(visited(90, 180))},
        {"visit_pace_usual": (0.5**0.5 + 1 / 2) / (180 / log(2) * (1 - 1 / 2))},
        others=[events(of_kind("click", 700))],
    ),
    Example(
        "visit_pace_per_seat", "of the seats now",
        {**account(60), **events(visited(60)),
         **subscriptions(subscription(60, seats=4), subscription(60, 9, seats=2))},
        {"visit_pace_per_seat": (1 / 2) / (60 / log(2) * (1 - 1 / 2)) / 4},
    ),
    Example(
        "visit_pace_per_seat", "no seats are stated",
        {**account(60), **events(visited(60))},
        {"visit_pace_per_seat": None},
    ),
    Example(
        "visits_now_against_usual", "two last week and one half a year ago",
        {**account(180), **events(visited(7, 7, 180))},
        {"visits_now_against_usual": log(
            (1 / 2 + 1 / 2 + 0.5 ** (180 / 7) + 3.0)
            / ((2 * 0.5 ** (7 / 180) + 1 / 2) * observed(7, 180) / observed(180, 180) + 3.0)
        )},
    ),
    Example(
        "visits_now_against_usual", "as many each day as ever: nothing is unusual",
        {**account(1000), **events(visited(*[day + 0.5 for day in range(1000)]))},
        {"visits_now_against_usual": pytest.approx(0.0, abs=1e-3)},
    ),
    Example("visits_now_against_usual", "not observed yet", account(9), {"visits_now_against_usual": None}),
    Example(
        "visits_lately_against_usual", "no visit any more",
        {**account(360), **events(visited(180, 180, 180, 180))},
        {"visits_lately_against_usual": log(
            (4 * 0.5 ** (180 / 21) + 4.5) / (4 / 2 * observed(21, 180) / observed(180, 180) + 4.5)
        )},
    ),
    Example(
        "visits_this_season_against_usual", "more than a year ago",
        {**account(400), **events(visited(60, 60, 60, 365))},
        {"visits_this_season_against_usual": log(
            (3 / 2 + 0.5 ** (365 / 60) + 4.5)
            / ((3 * 0.5 ** (60 / 365) + 1 / 2) * observed(60, 365) / observed(365, 365) + 4.5)
        )},
    ),
    Example(
        "feature_use_against_usual", "used today as half a year ago, but no visit counts",
        {**account(180), **events(of_kind("feature_used", JUST_BEFORE, 180), visited(1, 2, 3))},
        {"feature_use_against_usual": log(
            (1 + 0.5 ** (180 / 21) + 3.0) / ((1 + 1 / 2) * observed(21, 180) / observed(180, 180) + 3.0)
        )},
    ),
    Example(
        "pages_per_visit_usual", "three of a visit, as if five more visits were like those of all accounts",
        events(visited(180), of_kind("page_view", 180, 180, 180)),
        # All accounts: 8 pages of 4 visits, half a year ago.
        {"pages_per_visit_usual": (3 / 2 + 5 * 8 / 4) / (1 / 2 + 5)},
        others=[events(visited(180, 180, 180), of_kind("page_view", *[180] * 5))],
    ),
    Example("pages_per_visit_usual", "nobody visited", events(of_kind("page_view", 1)),
            {"pages_per_visit_usual": None}),
    Example(
        "pages_per_visit_lately", "a visit of a month ago counts half, also without a page",
        events(visited(30, 60), of_kind("page_view", 30, 30)),
        {"pages_per_visit_lately": (2 / 2 + 5 * 2 * faded(180, 30) / faded(180, 30, 60))
                                   / (1 / 2 + 1 / 4 + 5)},
    ),
    Example(
        "features_per_visit_usual", "one of a visit, others three",
        events(visited(180), of_kind("feature_used", 180)),
        {"features_per_visit_usual": (1 / 2 + 5 * 7 / 3) / (1 / 2 + 5)},
        others=[events(visited(180, 180), of_kind("feature_used", *[180] * 6))],
    ),
    Example(
        "features_per_visit_usual", "without visits of its own, that of others",
        account(900),
        {"features_per_visit_usual": 6 / 2},
        others=[events(visited(180, 180), of_kind("feature_used", *[180] * 6))],
    ),
    Example(
        "features_per_visit_lately", "three of a visit",
        events(visited(30), of_kind("feature_used", 30, 30, 30)),
        {"features_per_visit_lately": (3 / 2 + 5 * 3 / 2) / (1 / 2 + 5)},
        others=[events(visited(30))],
    ),
    Example(
        "conversions_per_visit", "one of two visits, as if twenty more were like those of all accounts",
        events(visited(180, 180), of_kind("conversion", 180)),
        {"conversions_per_visit": (1 / 2 + 20 * 1 / 8) / (2 / 2 + 20)},
        others=[events(visited(*[180] * 6))],
    ),
    Example(
        "answer_pace", "answered half a year ago; asked is not answered",
        {**account(360), **surveys(answered("nps", (180, 0)), answered("csat", (180, 5)), unanswered(360))},
        {"answer_pace": (2 / 2) / (180 / log(2) * (1 - 1 / 4))},
    ),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_usage_card_as_computed_by_hand(computed: ComputeExample, example: Example) -> None:
    assert computed(example) == example.nearly
