"""Reasons of one account, from contributions and values by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from tests.serving.jobs.model_by_hand import BUNDLE, scores_by_hand, without_stability
from undertow.serving.jobs.reasons import Reasons, how_reasons_are_made, reason_line, reasons_of
from undertow.training.bundle.bundle import Bundle
from undertow.training.churn.recipe import Recipe

TYPICAL = {"error_rate_30": 0.014, "errors_met_by_all": 0.0, "tickets_open": 1.0, "visits_30": 10.0, "in_dunning": 0.0,
           "load_time_above_usual": 0.0}  # fmt: skip
VALUES: dict[str, object] = {
    "error_rate_30": 0.091, "errors_met_by_all": 0.042, "tickets_open": 4.0, "visits_30": 2.0, "in_dunning": 1.0,
    "mrr": 90.0,
}  # fmt: skip
UX, CX, USAGE, BILLING = "errors_met_by_all", "tickets_open", "visit_pace", "in_dunning"
GAVE_NOTICE: dict[str, object] = {
    "mrr_ending": 90.0, "days_to_announced_end": 19.0, "days_to_last_announced_end": 19.0,
    "as_of": datetime(2025, 4, 1),
}  # fmt: skip


def reasons(
    contributions: Mapping[str, float], bundle: Bundle = BUNDLE, probability: float = 0.2, **values: object
) -> Reasons:
    """Return the reasons of an account with these contributions by feature; values not given are bad ones."""
    scores = scores_by_hand(contributions, bundle, probability)
    return reasons_of(bundle, scores, 0, {**VALUES, **values}, {}, TYPICAL)


def families(found: Reasons) -> list[str]:
    return [reason.family for reason in found.ranked]


# --- which, and in which order ------------------------------------------------------------------


def test_at_most_two_families_are_shown_the_one_with_most_points_first() -> None:
    found = reasons({UX: 0.03, CX: 0.05, USAGE: 0.02, BILLING: 0.01})
    assert [(reason.family, reason.contribution) for reason in found.ranked] == [("cx", 0.05), ("ux", 0.03)]


def test_only_families_that_raise_the_score_by_a_fifth_of_a_point_are_reasons() -> None:
    assert families(reasons({UX: -0.05, CX: 0.0019})) == []
    assert families(reasons({UX: -0.05, CX: 0.0021})) == ["cx"]


def test_a_family_counts_as_a_whole() -> None:
    assert families(reasons({UX: 0.05, "errors_above_usual": -0.06})) == []


def test_a_family_without_evidence_gives_way_to_the_next() -> None:
    found = reasons({UX: 0.05, CX: 0.01}, errors_met_by_all=-0.01)
    assert families(found) == ["cx"]
    assert not found.stands_out and found.ranked[0].agreement is None  # it is not the first family


def test_two_pieces_of_evidence_are_shown_at_most() -> None:
    found = reasons({UX: 0.03, "errors_above_usual": 0.02, "load_time_above_usual": 0.01}, load_time_above_usual=900.0)
    assert [evidence.feature for evidence in found.ranked[0].evidence] == ["errors_met_by_all", "error_rate_30"]


# --- whether one stands out ---------------------------------------------------------------------


@pytest.mark.parametrize(("second", "stands_out"), [(0.039, True), (0.041, False), (0.05, False), (-0.02, True)])
def test_the_first_reason_stands_out_where_it_leads_by_a_point(second: float, stands_out: bool) -> None:
    found = reasons({CX: 0.05, UX: second})
    assert families(found)[0] in ("cx", "ux")
    assert found.stands_out == stands_out


def test_where_there_is_no_reason_none_stands_out() -> None:
    assert not reasons({UX: -0.05, CX: -0.03, USAGE: -0.01, BILLING: -0.03}).stands_out


def test_the_line_of_the_first_reason_says_where_none_stands_out() -> None:
    clear, unclear = reasons({CX: 0.05, UX: 0.03}), reasons({CX: 0.05, UX: 0.045})
    cx = "cx: support tickets open: 4; typical for accounts like it 1"
    assert reason_line(clear, 0) == cx
    assert reason_line(unclear, 0) == f"no single reason stands out; {cx}"
    assert str(reason_line(unclear, 1)).startswith("ux: ")
    assert reason_line(clear, 2) is None


# --- how stable ---------------------------------------------------------------------------------


def test_agreement_is_that_of_the_band_of_the_score_and_of_the_lead() -> None:
    assert [reason.agreement for reason in reasons({CX: 0.05, UX: 0.03}, probability=0.05).ranked] == [0.91, None]
    assert reasons({CX: 0.05, UX: 0.045}, probability=0.05).ranked[0].agreement == 0.61
    assert reasons({CX: 0.05, UX: 0.03}, probability=0.5).ranked[0].agreement == 0.92
    assert reasons({CX: 0.05, UX: 0.045}, probability=0.5).ranked[0].agreement is None  # too few accounts


def test_agreement_is_unknown_where_it_was_not_measured() -> None:
    assert reasons({CX: 0.05}, without_stability()).ranked[0].agreement is None


# --- notice -------------------------------------------------------------------------------------


def test_a_notice_is_the_first_reason_however_much_others_raise_the_score() -> None:
    found = reasons({"notice": 0.01, BILLING: 0.005, UX: 0.3}, **GAVE_NOTICE)
    assert families(found) == ["billing", "ux"] and found.stands_out
    evidence = found.ranked[0].evidence[0]
    assert (evidence.feature, evidence.value, evidence.unit) == ("mrr_ending", 90.0, "money/month")
    assert found.ranked[0].agreement is None
    assert reason_line(found, 0) == (
        "billing: gave notice: all of its MRR ends on 2025-04-20; the last payment failed"
    )  # fmt: skip


def test_a_notice_for_a_day_after_the_headline_is_a_reason_too() -> None:
    later = {**GAVE_NOTICE, "days_to_announced_end": 200.0, "days_to_last_announced_end": 200.0}
    found = reasons({BILLING: -0.02}, **later)
    assert reason_line(found, 0) == "billing: gave notice: all of its MRR ends on 2025-10-18"


def test_the_end_of_a_part_of_mrr_is_no_notice() -> None:
    assert families(reasons({UX: 0.3}, **{**GAVE_NOTICE, "mrr_ending": 50.0})) == ["ux"]


# --- where they come from ------------------------------------------------------------------------


def test_it_is_said_whether_parts_add_up_or_free_trees_are_explained() -> None:
    parts, free = (Recipe(structured, False, 100.0, 0, "") for structured in (True, False))
    of_parts = replace(BUNDLE, causes=tuple(replace(model, recipe=parts) for model in BUNDLE.causes))
    assert how_reasons_are_made(of_parts).startswith("The model is a sum of parts by family:")
    with_trees = replace(of_parts, causes=(replace(BUNDLE.causes[0], recipe=free), *of_parts.causes[1:]))
    assert how_reasons_are_made(with_trees).startswith("The model is of free trees:")
