"""Evidence inside a family: only what is worse, the strongest first, in the words of the card."""

from __future__ import annotations

import pytest

from tests.serving.jobs.model_by_hand import BUNDLE, scores_by_hand
from undertow.features.catalogue.choose import FEATURES
from undertow.serving.jobs.evidence import CARD_OF_COVARIATE, Facts, evidence_of_family
from undertow.serving.published.answers import Evidence
from undertow.training.examples.person_periods import COVARIATES

Values = dict[str, float | None]


def evidence(
    family: str, contributions: dict[str, float], now: Values, before: Values | None = None,
    typical: dict[str, float] | None = None,
) -> list[Evidence]:  # fmt: skip
    shares = scores_by_hand(contributions).probability_by_feature[0]
    return evidence_of_family(Facts(BUNDLE, shares, now, before or {}, typical or {}), family)


def said(
    family: str, contributions: dict[str, float], now: Values, before: Values | None = None,
    typical: dict[str, float] | None = None,
) -> list[str]:  # fmt: skip
    return [each.said for each in evidence(family, contributions, now, before, typical)]


# --- what is worse ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "before", "typical", "shown"),
    [
        (6.0, None, 5.0, True),  # worse than typical
        (5.4, None, 5.0, False),  # worse by less than a tenth
        (5.0, None, 5.0, False),  # as usual
        (4.0, 3.0, 5.0, True),  # better than typical, but worse than before
        (4.0, 5.0, 5.0, False),  # better than both
        (4.0, None, None, False),  # nothing to compare with
        (None, 3.0, 3.0, False),  # unknown
        (float("nan"), 3.0, 3.0, False),
    ],
)
def test_a_measure_is_evidence_only_where_it_is_a_tenth_worse(
    now: float | None, before: float | None, typical: float | None, shown: bool
) -> None:
    others = {} if typical is None else {"tickets_open": typical}
    found = evidence("cx", {"tickets_open": 0.05}, {"tickets_open": now}, {"tickets_open": before}, others)
    assert bool(found) == shown


def test_where_more_is_better_less_is_worse() -> None:
    typical = {"nps_latest": 8.0}
    assert said("cx", {"nps_latest": 0.05}, {"nps_latest": 7.0}, typical=typical) == [
        "the latest NPS answer is 7 of 10; typical for accounts like it 8"
    ]
    assert not evidence("cx", {"nps_latest": 0.05}, {"nps_latest": 9.0}, typical=typical)


def test_a_card_without_a_better_side_is_no_evidence() -> None:
    now, typical = {"ticket_pace_usual": 0.9}, {"ticket_pace_usual": 0.1}
    assert not evidence("cx", {"ticket_pace_usual": 0.05}, now, typical=typical)


def test_values_that_read_the_same_are_not_worse() -> None:
    now = {"errors_met_by_all": 0.0001}
    assert not evidence("ux", {"errors_met_by_all": 0.05}, now, typical={"errors_met_by_all": 0.0})


def test_less_than_usual_is_no_evidence_though_it_was_even_less_before() -> None:
    now, before = {"errors_met_by_all": -0.02}, {"errors_met_by_all": -0.05}
    assert not evidence("ux", {"errors_met_by_all": 0.05}, now, before, {"errors_met_by_all": -0.05})


def test_a_card_that_lowers_the_score_is_no_evidence() -> None:
    now, typical = {"tickets_open": 6.0, "nps_latest": 1.0}, {"tickets_open": 1.0, "nps_latest": 8.0}
    found = evidence("cx", {"tickets_open": 0.05, "nps_latest": -0.01}, now, typical=typical)
    assert [each.feature for each in found] == ["tickets_open"]


def test_the_card_that_raises_the_score_most_comes_first() -> None:
    now, typical = {"tickets_open": 6.0, "nps_latest": 1.0}, {"tickets_open": 1.0, "nps_latest": 8.0}
    for strong, weak in (("tickets_open", "nps_latest"), ("nps_latest", "tickets_open")):
        found = evidence("cx", {strong: 0.05, weak: 0.01}, now, typical=typical)
        assert [each.feature for each in found] == [strong, weak]


def test_other_families_give_no_evidence() -> None:
    now, typical = {"tickets_open": 6.0}, {"tickets_open": 1.0}
    assert not evidence("ux", {"tickets_open": 0.05}, now, typical=typical)


def test_an_age_that_is_unknown_where_all_is_well_is_worse_wherever_it_is_known() -> None:
    now, typical = {"oldest_open_ticket": 12.0}, {"oldest_open_ticket": 40.0}  # of those that have an open ticket
    [found] = evidence("cx", {"oldest_open_ticket": 0.05}, now, typical=typical)
    assert (found.said, found.typical) == ("the oldest open ticket is 12 days old", None)


# --- plain measures -----------------------------------------------------------------------------


def test_a_fading_card_is_stated_by_the_plain_measure_of_the_same_thing() -> None:
    now = {"errors_above_usual": 0.03, "error_rate_30": 0.091, "error_rate_7": 0.2}
    [found] = evidence("ux", {"errors_above_usual": 0.05}, now, {"error_rate_30": 0.032}, {"error_rate_30": 0.014})
    assert (found.feature, found.value, found.before, found.typical) == ("error_rate_30", 0.091, 0.032, 0.014)
    assert found.said == "error rate 9.1 % in the last 30 days, 3.2 % before; typical for accounts like it 1.4 %"


def test_where_the_plain_measure_is_not_worse_the_card_is_stated_itself() -> None:
    now = {"errors_above_usual": 0.03, "error_rate_30": 0.014}
    found = said("ux", {"errors_above_usual": 0.05}, now, typical={"errors_above_usual": 0.0, "error_rate_30": 0.014})
    assert found == ["3.0 more errors per 100 page views lately than usual for it"]


def test_nothing_is_stated_twice() -> None:
    now, typical = {"error_rate_30": 0.091}, {"error_rate_30": 0.014}
    found = evidence("ux", {"errors_above_usual": 0.05, "error_share_usual": 0.04}, now, typical=typical)
    assert [each.feature for each in found] == ["error_rate_30"]


def test_a_plain_measure_is_shown_over_30_days_or_the_nearest_known_window() -> None:
    now: Values = {"visits_7": 1.0, "visits_30": 2.0, "visits_90": 3.0}
    typical = {"visits_7": 9.0, "visits_30": 20.0, "visits_90": 80.0}
    [found] = evidence("usage", {"visit_pace": 0.05}, now, typical=typical)
    assert found.said == "visits in the last 30 days: 2; typical for accounts like it 20"
    [found] = evidence("usage", {"visit_pace": 0.05}, now | {"visits_30": None}, typical=typical)
    assert found.feature == "visits_7"


# --- words --------------------------------------------------------------------------------------


def test_what_all_accounts_met_is_said_so() -> None:
    now, typical = {"errors_met_by_all": 0.042}, {"errors_met_by_all": 0.0}
    assert said("ux", {"errors_met_by_all": 0.05}, now, typical=typical) == [
        "on the pages and platforms it uses, all accounts met 4.2 more errors per 100 page views lately than usual"
    ]


def test_a_log_ratio_is_said_as_a_percentage() -> None:
    card = "visits_lately_against_usual"
    assert said("usage", {card: 0.05}, {card: -0.51}, typical={card: 0.02}) == [
        "visits 40 % below its usual pace in the last weeks"
    ]
    assert not said("usage", {card: 0.05}, {card: -0.09}, typical={card: 0.0})  # less than a tenth below


@pytest.mark.parametrize(
    ("covariate", "now", "typical", "words"),
    [
        ("period_in_dunning", {"in_dunning": 1.0}, {"in_dunning": 0.0}, "the last payment failed"),
        ("period_dunning_days", {"in_dunning": 1.0}, {"in_dunning": 0.0}, "the last payment failed"),
        ("period_card_expires", {"days_to_card_expiry": 12.0, "card_expired": 0.0},
         {"days_to_card_expiry": 400.0, "card_expired": 0.0}, "the payment card expires in 12 days"),
        ("period_card_expires", {"card_expired": 1.0}, {"days_to_card_expiry": 400.0, "card_expired": 0.0},
         "the payment card has expired"),
        ("period_list_price_rise", {"list_price_step_ahead": 0.08}, {},
         "its list price is announced to rise by 8.0 %"),
    ],
)  # fmt: skip
def test_what_falls_in_a_period_is_said_by_the_card_behind_it(
    covariate: str, now: Values, typical: dict[str, float], words: str
) -> None:
    assert said("billing", {covariate: 0.05}, now, typical=typical) == [words]


def test_a_card_that_expires_after_the_headline_horizon_is_no_evidence() -> None:
    now, typical = {"days_to_card_expiry": 91.0, "card_expired": 0.0}, {"days_to_card_expiry": 400.0}
    assert not evidence("billing", {"period_card_expires": 0.05}, now, typical=typical)
    assert evidence("billing", {"period_card_expires": 0.05}, now | {"days_to_card_expiry": 90.0}, typical=typical)


@pytest.mark.parametrize(("late", "words"), [
    (6.0, ["invoices paid 6 days late on average in the last 365 days; typical for accounts like it -14 days"]),
    (-5.0, []),  # later than others, yet early
])  # fmt: skip
def test_invoices_paid_early_are_no_evidence(late: float, words: list[str]) -> None:
    assert said("billing", {"days_late_365": 0.05}, {"days_late_365": late}, typical={"days_late_365": -14.0}) == words


def test_a_value_that_reads_as_it_did_before_is_stated_once() -> None:
    now, typical = {"tickets_open": 4.0}, {"tickets_open": 1.0}
    for before, words in ((4.0, ""), (2.0, ", 2 before")):
        [found] = said("cx", {"tickets_open": 0.05}, now, {"tickets_open": before}, typical)
        assert found == f"support tickets open: 4{words}; typical for accounts like it 1"


def test_every_covariate_of_a_reason_family_has_a_card_to_show() -> None:
    of_reasons = {name for name, family, _ in COVARIATES if family == "billing"}
    assert of_reasons < set(CARD_OF_COVARIATE)
    assert set(CARD_OF_COVARIATE.values()) <= {feature.name for feature in FEATURES}
