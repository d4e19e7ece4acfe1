"""Reasons of one account, from contributions and values told by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from undertow.features.catalogue.cards import FAMILIES
from undertow.features.catalogue.choose import FEATURES
from undertow.features.settings import Value
from undertow.serving.jobs.reasons import CARD_OF_COVARIATE, reason_text, reasons_of
from undertow.serving.published.answers import Reason
from undertow.training.bundle.attribution import by_group
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import COVARIATES

TYPICAL = {"error_rate_30": 0.02, "error_rate_7": 0.02, "tickets_open": 1.0, "visits_30": 10.0, "mrr": 200.0,
           "days_to_renewal": 180.0, "crashes_30": 0.0, "mrr_ending": 0.0}  # fmt: skip


def column(name: str, card: str, family: Any, unit: Any, good: str | None = "low", **more: Any) -> ModelColumn:
    usual = {"sentence": f"{card.capitalize()}, told", "level": "journey", "definition_id": "0"}
    return ModelColumn(**{**usual, "name": name, "card": card, "family": family, "unit": unit, "good": good,
                          "window": None, "against": None, "before": None, **more})  # fmt: skip


COLUMNS = (
    column("error_rate_7", "errors", "ux", "share", window=7),
    column("error_rate_30", "errors", "ux", "share", window=30),
    column("error_rate_trend_30", "errors", "ux", "share", window=30, against="earlier", before=30),
    column("error_rate_own_7", "errors", "ux", "share", window=7, against="own", before=7),
    column("error_rate_peers_30", "errors", "ux", "share", window=30, against="peers"),
    column("crashes_30", "crashes", "ux", "count", window=30),
    column("tickets_open", "tickets", "cx", "count"),
    column("visits_30", "visits", "usage", "count", good="high", window=30),
    column("mrr", "mrr", "billing", "money/month", good=None),
    column("days_to_renewal", "days_to_renewal", "billing", "days", good=None),
    column("mrr_ending", "mrr_ending", "billing", "money/month"),
    column("tenure_days", "tenure_days", "profile", "days", good=None),
)
BUNDLE = Bundle(
    version="hand", trained_until="2024-12-31", ends=(30, 90), headline=90, season=False, columns=COLUMNS, causes=(),
    typical={"": TYPICAL, "large": TYPICAL | {"error_rate_30": 0.5}}, value=Value(currency="EUR"),
)  # fmt: skip
VALUES: dict[str, object] = {
    "error_rate_7": 0.2, "error_rate_30": 0.091, "error_rate_trend_30": 0.059, "crashes_30": 3.0, "tickets_open": 4.0,
    "visits_30": 2.0, "mrr": 90.0, "days_to_renewal": 12.0, "tenure_days": 40.0, "segment": "small",
}  # fmt: skip


def reasons(contributions: Mapping[str, float], first: tuple[str, ...] = ("ux",), **values: object) -> list[Reason]:
    """The reasons of an account with these contributions by feature; values not given are bad ones."""
    shares = np.zeros((1, len(BUNDLE.contribution_names)))
    for name, share in contributions.items():
        shares[0, BUNDLE.contribution_names.index(name)] = share
    by_family = by_group(shares, BUNDLE.contribution_families, FAMILIES)
    nothing = np.zeros((1, 2))
    scores = Scores(
        probability=nothing, by_cause=nothing, clv=nothing, clv_if_kept=nothing, value_at_risk=nothing,
        baseline_probability=0.1, baseline_log_odds=-2.2, probability_by_feature=shares,
        probability_by_family=by_family, log_odds_by_family=by_family,
        first_family=np.array([[FAMILIES.index(family) for family in first]]),
    )  # fmt: skip
    return list(reasons_of(BUNDLE, scores, 0, {**VALUES, **values}))


def said(contributions: Mapping[str, float], **values: float | None) -> list[str]:
    found = reasons(contributions, ("ux",), **values)
    return [evidence.said for reason in found for evidence in reason.evidence]


def test_profile_is_never_shown_however_much_it_raises_the_score() -> None:
    found = reasons({"tenure_days": 0.3, "period_tenure_days": 0.2, "tickets_open": 0.01})
    assert [reason.family for reason in found] == ["cx"]


GAVE_NOTICE: dict[str, object] = {
    "mrr_ending": 90.0, "days_to_announced_end": 19.0, "days_to_last_announced_end": 19.0,
    "as_of": datetime(2025, 4, 1),
}  # fmt: skip


def test_a_notice_is_the_first_reason_however_much_others_raise_the_score() -> None:
    found = reasons({"notice": 0.01, "mrr": 0.005, "error_rate_30": 0.3}, **GAVE_NOTICE)
    assert [reason.family for reason in found] == ["billing", "ux"]
    evidence = found[0].evidence[0]
    assert (evidence.feature, evidence.value, evidence.unit) == ("mrr_ending", 90.0, "money/month")
    assert reason_text(found[0]).startswith("billing: gave notice: all of its MRR ends on 2025-04-20; mrr, told: ")


def test_a_notice_for_a_day_after_the_headline_is_a_reason_too() -> None:
    later = {**GAVE_NOTICE, "days_to_announced_end": 200.0, "days_to_last_announced_end": 200.0}
    [reason] = reasons({"mrr": -0.02}, **later)
    assert reason_text(reason) == "billing: gave notice: all of its MRR ends on 2025-10-18"


def test_the_end_of_a_part_of_mrr_is_no_notice() -> None:
    found = reasons({"error_rate_30": 0.3}, **{**GAVE_NOTICE, "mrr_ending": 50.0})
    assert [reason.family for reason in found] == ["ux"]


def test_at_most_two_families_are_shown_the_strongest_first() -> None:
    found = reasons({"visits_30": 0.02, "tickets_open": 0.05, "error_rate_30": 0.03, "mrr": 0.01})
    assert [(reason.family, reason.contribution) for reason in found] == [("cx", 0.05), ("ux", 0.03)]


def test_only_families_that_raise_the_score_are_reasons() -> None:
    assert reasons({"error_rate_30": -0.05, "tickets_open": 0.0019}) == []
    assert [reason.family for reason in reasons({"error_rate_30": -0.05, "tickets_open": 0.0021})] == ["cx"]


def test_a_family_counts_as_a_whole() -> None:
    assert reasons({"error_rate_30": 0.05, "crashes_30": -0.06}) == []


def test_a_family_without_evidence_gives_way_to_the_next() -> None:
    found = reasons({"error_rate_30": 0.05, "tickets_open": 0.01}, error_rate_30=0.01, error_rate_trend_30=-0.01)
    assert [reason.family for reason in found] == ["cx"]


@pytest.mark.parametrize(
    ("value", "trend", "told"),
    [
        (0.03, None, True),  # worse than typical
        (0.0215, None, False),  # worse by less than a tenth
        (0.02, None, False),  # as usual
        (0.01, 0.005, True),  # better than typical, but worse than before
        (0.01, -0.005, False),  # better than both
        (None, None, False),  # unknown
    ],
)
def test_a_fact_is_told_only_where_it_stands_out(value: float | None, trend: float | None, told: bool) -> None:
    found = said({"error_rate_30": 0.05}, error_rate_7=None, error_rate_30=value, error_rate_trend_30=trend)
    assert bool(found) == told


def test_where_more_is_better_less_stands_out() -> None:
    assert said({"visits_30": 0.05}, visits_30=8.9)
    assert not said({"visits_30": 0.05}, visits_30=9.1)
    assert not said({"visits_30": 0.05}, visits_30=12.0)


@pytest.mark.parametrize(("mrr", "told"), [(221.0, True), (179.0, True), (219.0, False), (181.0, False)])
def test_where_neither_side_is_better_a_tenth_either_way_stands_out(mrr: float, told: bool) -> None:
    assert bool(said({"mrr": 0.05}, mrr=mrr)) == told


def test_typical_is_that_of_the_accounts_own_segment() -> None:
    [small] = reasons({"error_rate_30": 0.05}, segment="small")
    assert small.evidence[0].typical == 0.02
    [large] = reasons({"error_rate_30": 0.05}, segment="large")
    assert large.evidence[0].typical == 0.5


def test_evidence_gives_the_value_the_one_before_and_the_typical_one() -> None:
    [reason] = reasons({"error_rate_30": 0.05})
    [evidence] = reason.evidence
    assert (evidence.feature, evidence.value, evidence.typical) == ("error_rate_30", 0.091, 0.02)
    assert evidence.before == pytest.approx(0.032)
    assert evidence.said == "errors, told: 9.1 % (before: 3.2 %, typical: 2.0 %)"
    assert reason_text(reason) == f"ux: {evidence.said}"


def test_a_card_is_told_by_its_window_of_30_days_or_the_nearest_known() -> None:
    assert reasons({"error_rate_7": 0.05})[0].evidence[0].feature == "error_rate_30"
    assert reasons({"error_rate_7": 0.05}, error_rate_30=None)[0].evidence[0].feature == "error_rate_7"


def test_a_trend_alone_is_told_by_its_level() -> None:
    assert reasons({"error_rate_trend_30": 0.05})[0].evidence[0].feature == "error_rate_30"


def test_two_facts_a_family_at_most_the_strongest_first() -> None:
    [reason] = reasons({"error_rate_30": 0.01, "crashes_30": 0.04})
    assert [evidence.feature for evidence in reason.evidence] == ["crashes_30", "error_rate_30"]
    billing = reasons({"mrr": 0.03, "days_to_renewal": 0.02, "period_renewals": 0.02})
    assert [evidence.feature for evidence in billing[0].evidence] == ["days_to_renewal", "mrr"]


def test_a_card_that_lowers_the_score_is_no_evidence() -> None:
    [reason] = reasons({"error_rate_30": 0.05, "crashes_30": -0.01})
    assert [evidence.feature for evidence in reason.evidence] == ["error_rate_30"]


def test_renewals_of_a_period_are_told_as_days_to_renewal() -> None:
    [reason] = reasons({"period_renewals": 0.03, "period_days_to_renewal": 0.01})
    assert reason.evidence[0].said == "days_to_renewal, told: 12 days (typical: 180 days)"


def test_every_billing_covariate_of_a_period_has_a_feature_to_show() -> None:
    of_billing = {name for name, family, _ in COVARIATES if family == "billing"}
    assert of_billing < set(CARD_OF_COVARIATE)
    assert set(CARD_OF_COVARIATE.values()) <= {feature.name for feature in FEATURES}


def test_agreement_is_the_share_of_the_bag_that_put_the_family_first() -> None:
    [reason] = reasons({"error_rate_30": 0.05}, first=("ux", "cx", "ux", "ux"))
    assert reason.agreement == 0.75


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, True, "text"])
def test_what_is_no_number_is_unknown(value: object) -> None:
    assert reasons({"tickets_open": 0.05}, tickets_open=value) == []
