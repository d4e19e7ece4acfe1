"""The journey: touchpoints by hand, a planted relation, shuffled outcomes, and what cannot be said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import FEATURES
from undertow.training.drivers.journeys.journeys import journeys
from undertow.training.drivers.journeys.touchpoints import TOUCHPOINTS, Rule, Touchpoint, in_trouble
from undertow.training.drivers.listed import Listed
from undertow.training.drivers.observed import Observed

COLUMNS = {column.name: column for card in FEATURES for column in card.columns}
BILLING = next(point for point in TOUCHPOINTS if point.name == "billing")
Point = Callable[[dict[str, Any]], dict[str, Any]]


def listed(**columns: list[float | None]) -> Listed:
    """Return accounts whose CLV is 100, 200, 300 and so on, a tenth of it at risk."""
    n = len(next(iter(columns.values())))
    clv = 100.0 * np.arange(1, n + 1)
    rows = pa.table({name: pa.array(values, pa.float64()) for name, values in columns.items()})
    return Listed(rows, clv, clv / 10)


def of_point(name: str, found: dict[str, Any]) -> dict[str, Any]:
    return next(point for point in found["touchpoints"] if point["name"] == name)


def billed(n: int, seed: int, effect: float) -> Observed:
    """Return n accounts, a fifth of which had a failed payment; they leave by `effect` more often than 8 %."""
    random = np.random.default_rng([seed, 1])  # another stream than that of the bootstrap
    failed = random.random(n) < 0.2
    rows = pa.table({"failed_payment_share_90": 0.5 * failed, "failed_payments_30": 1.0 * failed})
    churned = random.random(n) < 0.08 + effect * failed
    return Observed(rows, churned, np.arange(n), random.integers(0, 3, n), ("2024-01-01",))


def only(*names: str) -> dict[str, Column]:
    return {name: COLUMNS[name] for name in names}


def of_billing(seen: Observed | None, why_not: str = "") -> dict[str, Any]:
    columns = only("failed_payment_share_90", "failed_payments_30")
    now = listed(failed_payment_share_90=[0.5, 0.0, None], failed_payments_30=[1.0, 0.0, 0.0])
    return of_point("billing", journeys(now, seen, columns, "2024-06-01", 90, why_not))


def test_every_touchpoint_names_features_that_exist_and_has_ux_and_cx_among_its_metrics() -> None:
    assert [point.name for point in TOUCHPOINTS] == ["sign_up", "use", "support", "billing", "renewal"]
    for point in TOUCHPOINTS:
        named = {*point.metrics, *(rule.feature for rule in (*point.within, *point.trouble))}
        assert named <= COLUMNS.keys()
        assert {COLUMNS[name].feature.family for name in point.metrics} >= {"ux", "cx"}


def test_a_touchpoint_by_hand() -> None:
    """Of five accounts four opened a ticket; the second waited 30 hours, the third has one that came back."""
    found = journeys(
        listed(
            tickets_opened_90=[1.0, 2.0, 3.0, 0.0, 1.0],
            first_response_time_90=[2.0, 30.0, 4.0, None, None],
            reopened_tickets_90=[0.0, 0.0, 1.0, 0.0, None],
            mrr=[10.0, 20.0, 40.0, 80.0, 160.0],
        ),
        None, only("tickets_opened_90", "first_response_time_90", "reopened_tickets_90"), "2024-06-01", 90, "it is new",
    )  # fmt: skip
    support = of_point("support", found)
    assert (support["accounts"], support["in_trouble"]) == (4, 2)
    assert [(rule["feature"], rule["holds"], rule["limit"]) for rule in support["trouble"]] == [
        ("first_response_time_90", "above", 24),
        ("reopened_tickets_90", "at least", 1),
    ]
    opened, waited = support["metrics"]
    assert (opened["median"], opened["in_trouble"], opened["others"]) == (1.5, 2.5, 1.0)
    assert (waited["median"], waited["in_trouble"], waited["others"]) == (4.0, 17.0, 2.0)
    trouble = {"accounts": 2, "mean_clv": 250.0, "mean_mrr": 30.0, "value_at_risk": 50.0}
    others = {"accounts": 1, "mean_clv": 100.0, "mean_mrr": 10.0, "value_at_risk": 10.0}
    assert support["value"] == {"trouble": trouble, "others": others}  # of the fifth nothing is known


def test_what_is_above_that_of_three_in_four_is_trouble() -> None:
    use = next(point for point in TOUCHPOINTS if point.name == "use")
    rows = pa.table({"visits_30": [1.0] * 5 + [0.0], "error_rate_30": [0.0, 0.1, 0.2, 0.3, 0.9, 5.0]})
    (rule,) = use.rules(rows)
    assert rule == Rule("error_rate_30", "above", 0.3)  # the sixth account did not visit, and sets no level
    met, spared = in_trouble((rule,), rows)
    assert met.tolist() == [False, False, False, False, True, True]
    assert spared.tolist() == [True, True, True, True, False, False]


def test_a_rule_without_its_number_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected a threshold as a number"):
        Rule("error_rate_30", "above three in four").met(pa.table({"error_rate_30": [1.0]}))


def test_a_rule_whose_feature_is_not_there_is_left_out_and_a_touchpoint_without_any_is_not_available() -> None:
    point = Touchpoint("x", "X", "X.", (Rule("a", "known"),), (Rule("b", "above"), Rule("c", "above")), ())
    assert point.missing(frozenset({"a", "c"})) == []
    assert point.missing(frozenset({"a"})) == ["b", "c"]
    assert point.missing(frozenset({"b"})) == ["a"]
    renewal = of_point("renewal", journeys(listed(visits_30=[1.0]), None, only("visits_30"), "2024-06-01", 90, "new"))
    assert (renewal["accounts"], renewal["churn"], renewal["metrics"]) == (None, None, [])
    assert "not available: it needs days_to_renewal, term_months" in renewal["why_not"]


def test_a_planted_relation_is_found_with_an_interval_that_excludes_0() -> None:
    found = of_billing(billed(1500, seed=2, effect=0.2))
    assert (found["accounts"], found["in_trouble"]) == (2, 1)
    churn = found["churn"]
    assert churn["trouble"]["share"] == pytest.approx(0.28, abs=0.05)
    assert churn["others"]["share"] == pytest.approx(0.08, abs=0.03)
    for difference in (churn["difference"], churn["like"]):
        assert 0 < difference["low"] < difference["value"] < difference["high"]


def test_of_outcomes_that_have_nothing_to_do_with_trouble_the_intervals_cover_0() -> None:
    covered = []
    for seed in range(20):
        churn = of_billing(billed(900, seed, effect=0.0))["churn"]
        covered.append(churn["difference"]["low"] <= 0 <= churn["difference"]["high"])
    assert sum(covered) >= 17


def test_where_nothing_was_observed_churn_is_left_out_and_the_reason_stated() -> None:
    found = of_billing(None, "the rows begin too late")
    assert found["churn"]["difference"] is None and found["churn"]["trouble"] is None
    assert found["churn"]["why_not"] == "not enough data: the rows begin too late"
    assert found["accounts"] == 2  # what describes the accounts stays


def test_too_few_accounts_are_no_difference() -> None:
    churn = of_billing(billed(100, seed=1, effect=0.2))["churn"]
    assert churn["difference"] is None and "30 are needed" in churn["why_not"]
    assert churn["trouble"]["share"] is None and churn["others"]["share"] is not None


def test_the_same_accounts_give_the_same_journey_and_it_is_plain_json() -> None:
    seen = billed(400, seed=1, effect=0.2)
    once, again = of_billing(seen), of_billing(seen)
    assert once == again
    found = journeys(listed(visits_30=[1.0]), None, COLUMNS, "2024-06-01", 90, "it is new")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["grade"], found["horizon"]) == ("associated", 90)
