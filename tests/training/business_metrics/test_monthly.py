"""Business numbers from rows told by hand: the record runs from January to June 2024, and March is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest

from tests.training.business_metrics.rows import (
    APRIL,
    DAY,
    MARCH,
    MOVING,
    NOON,
    REOPENED,
    SHOWN,
    SINCE,
    TICKETS,
    UNTIL,
    MetricsOf,
    World,
    answers,
    crowd,
    events,
    march,
    paid,
    visits,
)
from undertow.features.errors import DataError, RequestError, TimeError
from undertow.features.settings import Value
from undertow.training.business_metrics.monthly import Number, flat_value, whole_months
from undertow.training.value.subscription import lifetime_value, months_ahead

# --- months --------------------------------------------------------------------------------------


def test_only_whole_months_of_the_record_are_told() -> None:
    whole = whole_months(SINCE + DAY, UNTIL - DAY)
    assert [f"{month.starts:%m}" for month in whole] == ["02", "03", "04", "05"]
    assert all(before.ends == after.starts for before, after in pairwise(whole))
    assert len(whole_months(SINCE, UNTIL)) == 6


def test_a_record_without_a_whole_month_is_refused() -> None:
    with pytest.raises(TimeError, match="holds no whole month"):
        whole_months(datetime(2024, 1, 2), datetime(2024, 2, 29))


def test_the_newest_months_are_told(metrics_of: MetricsOf) -> None:
    found = metrics_of({"subscriptions": MOVING}, "mrr", months=2)
    assert [f"{month.starts:%m}" for month in found.months] == ["05", "06"]
    assert len(metrics_of({"subscriptions": MOVING}, "mrr", months=99).months) == 6


# --- churn ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("until", "status"), [(APRIL + 30 * DAY, "wide"), (APRIL + 29 * DAY, "not yet settled")])
def test_logo_churn_is_told_once_the_grace_has_passed(metrics_of: MetricsOf, until: datetime, status: str) -> None:
    found = metrics_of({"subscriptions": MOVING}, "logo_churn", "clv", "nrr", until=until)
    for metric in ("logo_churn", "clv"):
        number = march(found, metric)
        assert (number.status, number.value is None) == (status, status != "wide")
    assert march(found, "nrr").status == "wide"


@pytest.mark.parametrize(("until", "settled"), [(APRIL + 14 * DAY, True), (APRIL + 13 * DAY, False)])
def test_reopened_tickets_are_waited_for(metrics_of: MetricsOf, until: datetime, settled: bool) -> None:
    number = march(metrics_of({"tickets": REOPENED}, "reopen_rate", until=until), "reopen_rate")
    assert (number.status == "not yet settled") is not settled


def test_the_flat_value_is_that_of_the_curve_that_scores_use() -> None:
    made = Value()
    survival = np.array([[0.97**12]])
    month = 365.25 / 12
    ahead = months_ahead(np.full((1, 12), 100.0), made)
    curve = lifetime_value(survival, (12 * month,), ahead)  # type: ignore[arg-type]
    assert flat_value(0.03, 100, made) == pytest.approx(curve[0], rel=1e-12)


def test_clv_carries_the_interval_of_logo_churn(metrics_of: MetricsOf) -> None:
    found = metrics_of({"subscriptions": MOVING}, "clv", "logo_churn")
    value, churn = march(found, "clv"), march(found, "logo_churn")
    assert value.low == pytest.approx(flat_value(churn.high or 0, 100, Value()))
    assert value.high == pytest.approx(flat_value(churn.low or 0, 100, Value()))


# --- honesty ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "status"), [(29, "not enough data"), (30, "wide"), (99, "wide"), (100, "shown")])
def test_few_cases_are_suppressed_or_flagged(metrics_of: MetricsOf, n: int, status: str) -> None:
    world = {"events": events(n, "page_view") + events(1, "error")}
    found = metrics_of(world, "error_rate")
    number = march(found, "error_rate")
    assert (number.status, number.n, number.accounts) == (status, n, n)
    assert (number.value is None, number.low is None, number.high is None) == (n < 30,) * 3
    assert any("~ marks" in note for note in found.notes) == (status == "wide")


@pytest.mark.parametrize(("accounts", "status"), [(9, "wide"), (10, "shown")])
def test_cases_of_few_accounts_are_flagged(metrics_of: MetricsOf, accounts: int, status: str) -> None:
    rows = [row for _ in range(20) for row in events(accounts, "page_view", duration_ms=1)]
    assert march(metrics_of({"events": rows}, "load_time_p75"), "load_time_p75").status == status


def test_a_sum_of_money_is_exact_and_never_suppressed(metrics_of: MetricsOf) -> None:
    found = metrics_of({"subscriptions": [paid("a")]}, "mrr", "arpa")
    assert (march(found, "mrr").value, march(found, "mrr").status) == (100, "shown")
    assert march(found, "arpa").status == "not enough data"


def test_a_share_has_its_wilson_interval(metrics_of: MetricsOf) -> None:
    found = march(metrics_of({"subscriptions": crowd(95) + crowd(5, "leaves", end=NOON)}, "logo_churn"), "logo_churn")
    assert (found.low, found.high) == pytest.approx((0.02154, 0.11175), abs=1e-5)  # 5 of 100


def test_cases_that_go_together_in_an_account_widen_the_interval(metrics_of: MetricsOf) -> None:
    apart = events(100, "impression", **SHOWN) + events(50, "click", **SHOWN)
    together = [row for _ in range(10) for row in events(10, "impression", **SHOWN)]
    together += [row for _ in range(10) for row in events(5, "click", **SHOWN)]
    for rows, independent in ((apart, 100), (together, 10)):
        found = march(metrics_of({"events": rows}, "click_through_rate"), "click_through_rate")
        assert (found.value, found.n) == (0.5, 100)
        half = 1.96 * math.sqrt(0.25 / independent + 1.96**2 / (4 * independent**2)) / (1 + 1.96**2 / independent)
        assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-9)


def test_nps_has_the_interval_of_the_trinomial(metrics_of: MetricsOf) -> None:
    apart = [row | {"account_id": f"b{number}"} for number, row in enumerate(answers("nps", 10, 10, 9, 8, 0))]
    of_one = [row | {"account_id": "b"} for row in apart]
    half = 1.96 * math.sqrt((0.5 + 0.25 - 0.25**2) / 40)
    for rows in (apart, of_one):
        found = march(metrics_of({"surveys": rows}, "nps"), "nps")
        assert (found.value, found.low, found.high) == pytest.approx((25, 100 * (0.25 - half), 100 * (0.25 + half)))


def test_more_errors_than_pages_have_no_interval_of_a_share(metrics_of: MetricsOf) -> None:
    rows = events(40, "page_view") + events(40, "error") + events(40, "error")
    found = march(metrics_of({"events": rows}, "error_rate"), "error_rate")
    assert (found.value, found.low, found.high) == (2, None, None)


def test_nothing_leaves_as_nan_and_every_month_has_its_line(metrics_of: MetricsOf) -> None:
    world = {"subscriptions": MOVING, "events": events(40, "page_view"), "tickets": REOPENED,
             "surveys": answers("nps", 10, 9, 0, 7)}  # fmt: skip
    found = metrics_of(world)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["months"][0] == "2024-01"
    assert all(len(found.line(card.name)) == 6 for card in found.cards)
    told = [x for number in found.numbers for x in (number.value, number.low, number.high) if x is not None]
    assert all(math.isfinite(x) for x in told)


def test_the_newest_month_is_said_to_grow(metrics_of: MetricsOf) -> None:
    assert any("newest month still grows" in note for note in metrics_of({"subscriptions": MOVING}).notes)


# --- what cannot be told -----------------------------------------------------------------------


def test_a_metric_without_its_table_is_left_out_with_the_table_to_give(metrics_of: MetricsOf) -> None:
    found = metrics_of({"subscriptions": MOVING})
    assert found.left_out["nps"] == "it needs the surveys table; give it a source under [tables]"
    assert {"nps", "error_rate", "resolution_time"} <= set(found.left_out)
    assert {card.table for card in found.cards} == {"subscriptions"}


@pytest.mark.parametrize(
    ("metric", "world"),
    [
        ("error_rate", {"events": events(40, "page_view")}),
        ("crash_free_sessions", {"events": visits(40, "page_view")}),
        ("conversion_rate", {"events": visits(40, "page_view")}),
        ("click_through_rate", {"events": events(40, "impression", **SHOWN) + events(40, "click", name="menu")}),
        ("task_success_rate", {"events": events(40, "task_started")}),
    ],
)
def test_what_is_never_recorded_is_no_perfect_number(metrics_of: MetricsOf, metric: str, world: World) -> None:
    found = metrics_of({**world, "subscriptions": MOVING}, metric, "mrr")
    assert "does not occur" in found.left_out[metric]


def test_tickets_that_never_reopen_are_no_record_of_reopening(metrics_of: MetricsOf) -> None:
    found = metrics_of({"tickets": TICKETS, "subscriptions": MOVING}, "reopen_rate", "mrr")
    assert found.left_out["reopen_rate"].startswith("no row of these months")


def test_where_nothing_that_was_asked_can_be_told_it_is_refused(metrics_of: MetricsOf) -> None:
    with pytest.raises(DataError, match=r"nps \(it needs the surveys table"):
        metrics_of({"subscriptions": MOVING}, "nps")


def test_an_unknown_metric_is_answered_with_the_nearest(metrics_of: MetricsOf) -> None:
    with pytest.raises(RequestError, match=r"Unknown metric 'logo_chum'. Did you mean 'logo_churn'\? Known: mrr, "):
        metrics_of({"subscriptions": MOVING}, "logo_chum")


# --- groups --------------------------------------------------------------------------------------


def test_segments_add_up_and_who_has_none_is_a_group(metrics_of: MetricsOf) -> None:
    names = sorted({row["account_id"] for row in MOVING})
    accounts = [
        {"account_id": name, "created_at": SINCE, "segment": ("large", "small", None)[number % 3]}
        for number, name in enumerate(names)
    ]
    world = {"accounts": accounts, "subscriptions": MOVING}
    found, whole = metrics_of(world, "mrr", "nrr", by="segment"), metrics_of(world, "mrr")
    assert found.groups == ("large", "no segment", "small")
    parts = [march(found, "mrr", group) for group in found.groups]
    assert sum(number.value or 0 for number in parts) == march(whole, "mrr").value
    assert sum(number.n for number in parts) == march(whole, "mrr").n
    assert {march(found, "nrr", group).status for group in found.groups} == {"not enough data"}


def test_platforms_have_numbers_of_events_alone(metrics_of: MetricsOf) -> None:
    rows = events(40, "page_view", platform="ios") + events(8, "error", platform="ios")
    rows += events(40, "page_view") + events(4, "error")
    found = metrics_of({"events": rows, "subscriptions": MOVING}, "error_rate", "mrr", by="platform")
    assert {group: march(found, "error_rate", group).value for group in found.groups} == {
        "ios": 0.2, "no platform": 0.1,
    }  # fmt: skip
    assert found.left_out == {"mrr": "it is measured on accounts and not on platforms"}


# --- cards -----------------------------------------------------------------------------------------


def test_a_number_in_json_is_rounded_and_its_month_is_a_text() -> None:
    number = Number("nps", MARCH, "", 1 / 3, None, None, 40, 40, "shown")
    assert (number.as_json()["value"], replace(number, value=None).as_json()["value"]) == (0.333333, None)
    assert number.as_json()["month"] == "2024-03"
