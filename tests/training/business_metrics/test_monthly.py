"""Business numbers from rows told by hand: the record runs from January to June 2024, and March is told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.tables_by_hand import write_tables
from undertow.features.errors import DataError, RequestError, TimeError
from undertow.features.settings import Settings, Value, make_settings
from undertow.features.sources.load import load_tables
from undertow.features.tables import TABLES
from undertow.training.business_metrics.metrics import CARDS
from undertow.training.business_metrics.monthly import Business, Number, business_numbers, flat_value, whole_months
from undertow.training.value.subscription import lifetime_value

SINCE, UNTIL = datetime(2024, 1, 1), datetime(2024, 7, 1)
MARCH, APRIL = datetime(2024, 3, 1), datetime(2024, 4, 1)
NOON = datetime(2024, 3, 10, 12)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
Row = dict[str, Any]
World = Mapping[str, Sequence[Row]]
Tell = Callable[..., Business]


@pytest.fixture
def tell(tmp_path: Path) -> Tell:
    """Return a function from rows by table to business numbers; columns not said take their default."""

    def business(
        world: World,
        *names: str,
        since: datetime = SINCE,
        until: datetime = UNTIL,
        toml: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Business:
        met = {str(row["account_id"]) for rows in world.values() for row in rows}
        accounts = {name: {"account_id": name, "created_at": SINCE} for name in sorted(met)}
        accounts |= {row["account_id"]: row for row in world.get("accounts", ())}
        given = {**world, "accounts": list(accounts.values())}
        tables = write_tables(tmp_path, given, since, until)
        made = make_settings(tmp_path, {"engine": {"threads": 1}, **(toml or {})})
        return business_numbers(made, tables, names, **options)

    return business


def march(found: Business, metric: str, group: str = "") -> Number:
    [number] = [number for number in found.line(metric, group) if number.month == MARCH]
    return number


# --- rows, each of an account of its own -------------------------------------------------------


def events(n: int, kind: str, at: datetime = NOON, **more: Any) -> list[Row]:
    return [{"account_id": f"a{i}", "occurred_at": at, "kind": kind, **more} for i in range(n)]


def lasting(kind: str, n: int) -> list[Row]:
    """Rows that took 1, 2, ... n milliseconds."""
    return [row | {"duration_ms": ms} for ms, row in enumerate(events(n, kind), 1)]


def visits(n: int, *kinds: str) -> list[Row]:
    return [row for kind in kinds for row in ({**one, "session_id": one["account_id"]} for one in events(n, kind))]


def vitals(name: str, *counts: tuple[int, float]) -> list[Row]:
    return [row for n, value in counts for row in events(n, "web_vital", name=name, value=value)]


def answers(kind: str, scale_max: float | None, *scores: float, times: int = 10) -> list[Row]:
    return [
        {"account_id": f"a{i}", "asked_at": SINCE, "responded_at": NOON, "kind": kind, "score": score,
         "scale_max": scale_max}
        for i in range(times)
        for score in scores
    ]  # fmt: skip


def ticket(number: int, **more: Any) -> Row:
    return {"account_id": f"a{number}", "ticket_id": f"t{number}-{len(more)}", "opened_at": NOON, **more}


def paid(account: str, mrr: float = 100, start: datetime = SINCE, end: datetime | None = None, **more: Any) -> Row:
    named = f"{account} {start:%d%H%M%S%f%m} {mrr}"
    return {"account_id": account, "subscription_id": named, "started_at": start, "ended_at": end, "mrr": mrr, **more}


def crowd(n: int, name: str = "stays", **more: Any) -> list[Row]:
    return [paid(f"{name}{i}", **more) for i in range(n)]


# 40 accounts at 100 when March begins: 30 stay, 5 grow, 3 shrink, 2 leave. 4 come and 1 comes back.
MOVING: list[Row] = [
    *crowd(30),
    *crowd(5, "grows", end=NOON), *crowd(5, "grows", mrr=150, start=NOON),
    *crowd(3, "shrinks", end=NOON), *crowd(3, "shrinks", mrr=50, start=NOON),
    *crowd(2, "leaves", end=NOON, end_reason="voluntary"),
    *crowd(4, "comes", mrr=70, start=NOON),
    paid("returns", 90, end=datetime(2024, 1, 20)), paid("returns", 60, start=NOON),
]  # fmt: skip

TASKS_OF_FEBRUARY = events(40, "task_started", MARCH - HOUR) + events(36, "task_completed") + events(4, "task_failed")
SHOWN = {"name": "banner"}
TICKETS = [ticket(i, resolved_at=NOON + (1 if i < 20 else 3) * HOUR) for i in range(40)]
REOPENED = [
    *(row | {"reopened_at": row["resolved_at"] + 14 * DAY} for row in TICKETS[:4]),
    *(row | {"reopened_at": row["resolved_at"] + 14 * DAY + TICK} for row in TICKETS[4:8]),
    *TICKETS[8:],
]

BY_HAND: list[tuple[str, World, float, int]] = [
    ("error_rate", {"events": events(40, "page_view") + events(10, "error")}, 10 / 40, 40),
    ("crash_free_sessions", {"events": visits(40, "page_view") + visits(4, "crash", "crash")}, 36 / 40, 40),
    ("task_success_rate", {"events": events(40, "task_started") + events(30, "task_completed")}, 30 / 40, 40),
    ("task_success_rate", {"events": TASKS_OF_FEBRUARY}, 36 / 40, 40),
    ("time_on_task", {"events": lasting("task_completed", 31) + events(9, "task_failed", duration_ms=1)}, 16, 31),
    ("load_time_p75", {"events": lasting("page_view", 41) + events(9, "click", duration_ms=999)}, 31, 41),
    ("apdex", {"events": events(20, "page_view", duration_ms=2000) + events(10, "page_view", duration_ms=8000)
               + events(10, "page_view", duration_ms=8001) + events(5, "page_view")}, (20 + 10 / 2) / 40, 40),
    ("lcp_p75", {"events": vitals("LCP", (20, 1000), (20, 5000)) + vitals("INP", (40, 1))}, 5000, 40),
    *((f"good_{name.lower()}_share", {"events": vitals(name, (20, good), (10, poor), (10, poor * 1.01))}, 0.5, 40)
      for name, good, poor in (("LCP", 2500, 4000), ("INP", 200, 500), ("CLS", 0.1, 0.25))),
    *((f"poor_{name.lower()}_share", {"events": vitals(name, (20, good), (10, poor), (10, poor * 1.01))}, 0.25, 40)
      for name, good, poor in (("LCP", 2500, 4000), ("INP", 200, 500), ("CLS", 0.1, 0.25))),
    ("inp_p75", {"events": vitals("INP", (40, 120))}, 120, 40),
    ("cls_p75", {"events": vitals("CLS", (40, 0.07))}, 0.07, 40),
    ("page_views_per_visit", {"events": visits(40, "page_view") + visits(20, "page_view", "page_view")
                              + events(9, "page_view")}, 80 / 40, 40),
    ("click_through_rate", {"events": events(40, "impression", **SHOWN) + events(10, "click", **SHOWN)
                            + events(99, "click", name="menu")}, 10 / 40, 40),
    ("conversion_rate", {"events": visits(40, "login") + visits(10, "conversion", "conversion")}, 10 / 40, 40),
    ("nps", {"surveys": answers("nps", None, 9, 10, 7, 6) + answers("nps", 10, 10, 9, 8, 0)
             + answers("nps", 5, 5, 5) + answers("nps", 10, 11)}, 100 * (4 - 2) / 8, 80),
    ("csat", {"surveys": answers("csat", None, 5, 4, 3, 1) + answers("csat", 7, 7, 6, 5, 4)
              + answers("csat", 100, 80) + answers("csat", 5, 6)}, 4 / 8, 80),
    ("ticket_csat", {"tickets": [ticket(i, csat=i % 5 + 1, csat_at=NOON) for i in range(40)]}, 16 / 40, 40),
    ("ces", {"surveys": answers("ces", None, 5, 7) + answers("ces", 5, 3, 5)}, (5 + 7 + 4 + 7) / 4, 40),
    ("first_response_time", {"tickets": [ticket(i, first_response_at=NOON + (i % 2 + 1) * HOUR) for i in range(40)]},
     1.5, 40),
    ("resolution_time", {"tickets": TICKETS}, 2, 40),
    ("open_ticket_age", {"tickets": [ticket(i, opened_at=APRIL - 2 * DAY) for i in range(30)]
                         + [ticket(i, opened_at=SINCE, resolved_at=NOON) for i in range(9)]
                         + [ticket(i, opened_at=APRIL - 4 * DAY, resolved_at=APRIL) for i in range(40)]}, 4, 70),
    ("reopen_rate", {"tickets": REOPENED}, 4 / 40, 40),
    *((name, {"subscriptions": MOVING}, value, n) for name, value, n in (
        ("mrr", 30 * 100 + 5 * 150 + 3 * 50 + 4 * 70 + 60, 43),
        ("mrr_new", 4 * 70, 4), ("mrr_reactivation", 60, 1), ("mrr_expansion", 5 * 50, 5),
        ("mrr_contraction", 3 * 50, 3), ("mrr_churned", 2 * 100, 2),
        ("arpa", 100, 40),
        ("logo_churn", 2 / 40, 40), ("logo_churn_stripe", 2 / (40 + 4 + 1), 45),
        ("gross_mrr_churn", (200 + 150) / 4000, 40), ("net_mrr_churn", (200 + 150 - 250) / 4000, 40),
        ("grr", (4000 - 200 - 150) / 4000, 40), ("nrr", (4000 + 250 - 200 - 150) / 4000, 40),
        ("clv", sum(0.95**m * 100 * 0.8 * 1.1 ** (-m / 12) for m in range(1, 13)), 40),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "world", "value", "n"), BY_HAND)
def test_a_number_computed_by_hand(tell: Tell, metric: str, world: World, value: float, n: int) -> None:
    found = march(tell(world, metric), metric)
    assert found.value == pytest.approx(value, rel=1e-12)
    assert found.n == n


def test_every_metric_is_computed_by_hand() -> None:
    assert {metric for metric, *_ in BY_HAND} == set(CARDS)


# --- months --------------------------------------------------------------------------------------

EDGES: list[tuple[str, Callable[[datetime], World]]] = [
    ("load_time_p75", lambda at: {"events": events(40, "page_view", at, duration_ms=1)}),
    ("crash_free_sessions",
     lambda at: {"events": [row | {"session_id": "s", "occurred_at": at} for row in visits(40, "page_view")]
                 + visits(1, "crash")}),
    ("nps", lambda at: {"surveys": [row | {"responded_at": at} for row in answers("nps", 10, 9, 0, 7, 8)]}),
    ("ticket_csat", lambda at: {"tickets": [ticket(i, csat=5, csat_at=at) for i in range(40)]}),
    ("first_response_time", lambda at: {"tickets": [ticket(i, opened_at=SINCE - DAY, first_response_at=at)
                                                    for i in range(40)]}),
    ("resolution_time", lambda at: {"tickets": [ticket(i, opened_at=SINCE - DAY, resolved_at=at) for i in range(40)]}),
    ("mrr_new", lambda at: {"subscriptions": crowd(40, start=at)}),
    ("mrr_churned", lambda at: {"subscriptions": crowd(40, end=at)}),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "world"), EDGES, ids=[metric for metric, _ in EDGES])
def test_months_are_half_open(tell: Tell, metric: str, world: Callable[[datetime], World]) -> None:
    counted = [march(tell(world(at), metric), metric).n for at in (MARCH - TICK, MARCH, APRIL - TICK, APRIL)]
    assert [n >= 40 for n in counted] == [False, True, True, False]


@pytest.mark.parametrize(("at", "left"), [(MARCH - TICK, None), (MARCH, 1), (APRIL - TICK, 1), (APRIL, 0)])
def test_logo_churn_counts_an_end_in_its_month(tell: Tell, at: datetime, left: float | None) -> None:
    found = march(tell({"subscriptions": crowd(40, end=at)}, "logo_churn"), "logo_churn")
    assert found.value == left


def test_a_ticket_resolved_at_month_end_was_open_then(tell: Tell) -> None:
    rows = [ticket(i, opened_at=SINCE, resolved_at=APRIL) for i in range(40)]
    assert march(tell({"tickets": rows}, "open_ticket_age"), "open_ticket_age").n == 40
    rows = [row | {"resolved_at": APRIL - TICK} for row in rows] + [ticket(0, opened_at=APRIL)]
    assert march(tell({"tickets": rows}, "open_ticket_age"), "open_ticket_age").n == 0


def test_a_visit_belongs_to_the_month_it_began_in(tell: Tell) -> None:
    late = [row | {"occurred_at": APRIL + HOUR} for row in visits(40, "page_view")]
    found = tell({"events": visits(40, "page_view") + late}, "page_views_per_visit")
    assert [number.n for number in found.line("page_views_per_visit")] == [0, 0, 40, 0, 0, 0]
    assert march(found, "page_views_per_visit").value == 2


def test_a_visit_that_began_before_the_months_shown_is_not_one_of_theirs(tell: Tell) -> None:
    late = [row | {"occurred_at": APRIL - HOUR} for row in visits(40, "page_view")]
    early = [row | {"occurred_at": APRIL + HOUR} for row in visits(40, "page_view")]
    only = [row | {"occurred_at": APRIL + HOUR, "session_id": "x"} for row in visits(31, "page_view")]
    found = tell({"events": late + early + only}, "page_views_per_visit", months=3)
    assert [number.n for number in found.line("page_views_per_visit")] == [31, 0, 0]
    with pytest.raises(DataError, match="no row of these months"):
        tell({"events": late + early}, "page_views_per_visit", months=3)


def test_only_whole_months_of_the_record_are_told() -> None:
    whole = whole_months(SINCE + DAY, UNTIL - DAY)
    assert [f"{month.starts:%m}" for month in whole] == ["02", "03", "04", "05"]
    assert all(before.ends == after.starts for before, after in pairwise(whole))
    assert len(whole_months(SINCE, UNTIL)) == 6


def test_a_record_without_a_whole_month_is_refused() -> None:
    with pytest.raises(TimeError, match="holds no whole month"):
        whole_months(datetime(2024, 1, 2), datetime(2024, 2, 29))


def test_the_newest_months_are_told(tell: Tell) -> None:
    found = tell({"subscriptions": MOVING}, "mrr", months=2)
    assert [f"{month.starts:%m}" for month in found.months] == ["05", "06"]
    assert len(tell({"subscriptions": MOVING}, "mrr", months=99).months) == 6


# --- what was known ------------------------------------------------------------------------------


@pytest.mark.parametrize(("recorded", "n"), [(UNTIL - TICK, 80), (UNTIL, 40)])
def test_a_late_row_counts_where_it_happened_once_it_is_recorded(tell: Tell, recorded: datetime, n: int) -> None:
    rows = events(40, "page_view", duration_ms=1)
    late = [row | {"recorded_at": recorded} for row in rows]
    assert march(tell({"events": rows + late}, "load_time_p75"), "load_time_p75").n == n


def test_an_end_recorded_at_the_end_of_the_record_is_unknown(tell: Tell) -> None:
    for recorded, churned in ((UNTIL - TICK, 4000), (UNTIL, 0)):
        rows = crowd(40, end=NOON, end_recorded_at=recorded)
        found = tell({"subscriptions": rows}, "mrr_churned", "logo_churn")
        assert march(found, "mrr_churned").value == churned
        assert march(found, "logo_churn").value == churned / 4000


def test_a_subscription_recorded_after_the_record_ends_is_unknown(tell: Tell) -> None:
    rows = MOVING + crowd(9, "late", recorded_at=UNTIL)
    assert march(tell({"subscriptions": rows}, "mrr"), "mrr").n == 43


# --- churn ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "left"), [(30, 0), (30.01, 1)])
def test_a_return_within_the_grace_is_no_logo_churn(tell: Tell, days: float, left: float) -> None:
    rows = crowd(40, end=NOON) + crowd(40, mrr=99, start=NOON + timedelta(days=days))
    assert march(tell({"subscriptions": rows}, "logo_churn"), "logo_churn").value == left


def test_a_pause_over_months_end_moves_mrr_but_is_no_logo_churn(tell: Tell) -> None:
    rows = crowd(40, end=APRIL - DAY) + crowd(40, mrr=99, start=APRIL + DAY)
    found = tell({"subscriptions": rows}, "logo_churn", "mrr_churned", "mrr_reactivation")
    assert (march(found, "logo_churn").value, march(found, "mrr_churned").value) == (0, 4000)
    assert found.line("mrr_reactivation")[3].value == 99 * 40


def test_a_neutral_end_is_no_logo_churn(tell: Tell) -> None:
    rows = crowd(30) + crowd(10, "done", end=NOON, end_reason="completed")
    found = tell({"subscriptions": rows}, "logo_churn", "logo_churn_stripe", "mrr_churned")
    assert (march(found, "logo_churn").value, march(found, "logo_churn_stripe").value) == (0, 0)
    assert march(found, "mrr_churned").value == 1000


def test_who_comes_and_goes_in_one_month_is_in_stripes_variant_only(tell: Tell) -> None:
    rows = crowd(40) + crowd(10, "short", start=MARCH + DAY, end=NOON)
    found = tell({"subscriptions": rows}, "logo_churn", "logo_churn_stripe")
    assert (march(found, "logo_churn").value, march(found, "logo_churn_stripe").value) == (0, 10 / 50)


@pytest.mark.parametrize(("until", "status"), [(APRIL + 30 * DAY, "wide"), (APRIL + 29 * DAY, "not yet settled")])
def test_logo_churn_is_told_once_the_grace_has_passed(tell: Tell, until: datetime, status: str) -> None:
    found = tell({"subscriptions": MOVING}, "logo_churn", "clv", "nrr", until=until)
    for metric in ("logo_churn", "clv"):
        number = march(found, metric)
        assert (number.status, number.value is None) == (status, status != "wide")
    assert march(found, "nrr").status == "wide"


@pytest.mark.parametrize(("until", "settled"), [(APRIL + 14 * DAY, True), (APRIL + 13 * DAY, False)])
def test_reopened_tickets_are_waited_for(tell: Tell, until: datetime, settled: bool) -> None:
    number = march(tell({"tickets": REOPENED}, "reopen_rate", until=until), "reopen_rate")
    assert (number.status == "not yet settled") is not settled


def test_the_flat_value_is_that_of_the_curve_that_scores_use() -> None:
    made = Value()
    survival = np.array([[0.97**12]])
    month = 365.25 / 12
    curve = lifetime_value(survival, (12 * month,), np.array([100.0]), made)  # type: ignore[arg-type]
    assert flat_value(0.03, 100, made) == pytest.approx(curve[0], rel=1e-12)


def test_clv_carries_the_interval_of_logo_churn(tell: Tell) -> None:
    found = tell({"subscriptions": MOVING}, "clv", "logo_churn")
    value, churn = march(found, "clv"), march(found, "logo_churn")
    assert value.low == pytest.approx(flat_value(churn.high or 0, 100, Value()))
    assert value.high == pytest.approx(flat_value(churn.low or 0, 100, Value()))


# --- movements balance -----------------------------------------------------------------------------

days = st.integers(0, 181)
periods = st.builds(
    lambda account, mrr, start, length: paid(
        account, mrr, SINCE + start * DAY, None if length is None else SINCE + (start + length) * DAY
    ),
    st.sampled_from("abc"), st.floats(0, 500), days, st.none() | days,
)  # fmt: skip


@hypothesis_settings(
    max_examples=15, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(periods, min_size=1, max_size=8))
def test_mrr_movements_balance(tell: Tell, rows: list[Row]) -> None:
    numbered = [row | {"subscription_id": str(number)} for number, row in enumerate(rows)]
    found = tell({"subscriptions": numbered}, "mrr", *MOVEMENTS)
    lines = {name: [number.value or 0.0 for number in found.line(name)] for name in ("mrr", *MOVEMENTS)}
    change = np.diff([0.0, *lines["mrr"]])
    moved = sum(sign * np.array(lines[name]) for name, sign in MOVEMENTS.items())
    assert change == pytest.approx(moved, abs=1e-3)
    assert all(value >= 0 for line in lines.values() for value in line)


MOVEMENTS = {"mrr_new": 1, "mrr_reactivation": 1, "mrr_expansion": 1, "mrr_contraction": -1, "mrr_churned": -1}


# --- honesty ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "status"), [(29, "not enough data"), (30, "wide"), (99, "wide"), (100, "shown")])
def test_few_cases_are_suppressed_or_flagged(tell: Tell, n: int, status: str) -> None:
    world = {"events": events(n, "page_view") + events(1, "error")}
    found = tell(world, "error_rate")
    number = march(found, "error_rate")
    assert (number.status, number.n, number.accounts) == (status, n, n)
    assert (number.value is None, number.low is None, number.high is None) == (n < 30,) * 3
    assert any("~ marks" in note for note in found.notes) == (status == "wide")


@pytest.mark.parametrize(("accounts", "status"), [(9, "wide"), (10, "shown")])
def test_cases_of_few_accounts_are_flagged(tell: Tell, accounts: int, status: str) -> None:
    rows = [row for _ in range(20) for row in events(accounts, "page_view", duration_ms=1)]
    assert march(tell({"events": rows}, "load_time_p75"), "load_time_p75").status == status


def test_a_sum_of_money_is_exact_and_never_suppressed(tell: Tell) -> None:
    found = tell({"subscriptions": [paid("a")]}, "mrr", "arpa")
    assert (march(found, "mrr").value, march(found, "mrr").status) == (100, "shown")
    assert march(found, "arpa").status == "not enough data"


def test_a_share_has_its_wilson_interval(tell: Tell) -> None:
    found = march(tell({"subscriptions": crowd(95) + crowd(5, "leaves", end=NOON)}, "logo_churn"), "logo_churn")
    assert (found.low, found.high) == pytest.approx((0.02154, 0.11175), abs=1e-5)  # 5 of 100


def test_cases_that_go_together_in_an_account_widen_the_interval(tell: Tell) -> None:
    apart = events(100, "impression", **SHOWN) + events(50, "click", **SHOWN)
    together = [row for _ in range(10) for row in events(10, "impression", **SHOWN)]
    together += [row for _ in range(10) for row in events(5, "click", **SHOWN)]
    for rows, independent in ((apart, 100), (together, 10)):
        found = march(tell({"events": rows}, "click_through_rate"), "click_through_rate")
        assert (found.value, found.n) == (0.5, 100)
        half = 1.96 * math.sqrt(0.25 / independent + 1.96**2 / (4 * independent**2)) / (1 + 1.96**2 / independent)
        assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-9)


def test_nps_has_the_interval_of_the_trinomial(tell: Tell) -> None:
    apart = [row | {"account_id": f"b{number}"} for number, row in enumerate(answers("nps", 10, 10, 9, 8, 0))]
    of_one = [row | {"account_id": "b"} for row in apart]
    half = 1.96 * math.sqrt((0.5 + 0.25 - 0.25**2) / 40)
    for rows in (apart, of_one):
        found = march(tell({"surveys": rows}, "nps"), "nps")
        assert (found.value, found.low, found.high) == pytest.approx((25, 100 * (0.25 - half), 100 * (0.25 + half)))


def test_more_errors_than_pages_have_no_interval_of_a_share(tell: Tell) -> None:
    rows = events(40, "page_view") + events(40, "error") + events(40, "error")
    found = march(tell({"events": rows}, "error_rate"), "error_rate")
    assert (found.value, found.low, found.high) == (2, None, None)


def test_nothing_leaves_as_nan_and_every_month_has_its_line(tell: Tell) -> None:
    world = {"subscriptions": MOVING, "events": events(40, "page_view"), "tickets": REOPENED,
             "surveys": answers("nps", 10, 9, 0, 7)}  # fmt: skip
    found = tell(world)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["months"][0] == "2024-01"
    assert all(len(found.line(card.name)) == 6 for card in found.cards)
    told = [x for number in found.numbers for x in (number.value, number.low, number.high) if x is not None]
    assert all(math.isfinite(x) for x in told)


def test_the_newest_month_is_said_to_grow(tell: Tell) -> None:
    assert any("newest month still grows" in note for note in tell({"subscriptions": MOVING}).notes)


# --- what cannot be told -----------------------------------------------------------------------


def test_a_metric_without_its_table_is_left_out_with_the_table_to_give(tell: Tell) -> None:
    found = tell({"subscriptions": MOVING})
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
        ("reopen_rate", {"tickets": TICKETS}),
    ],
)
def test_what_is_never_recorded_is_no_perfect_number(tell: Tell, metric: str, world: World) -> None:
    found = tell({**world, "subscriptions": MOVING}, metric, "mrr")
    assert "never occurs" in found.left_out[metric]


def test_where_nothing_that_was_asked_can_be_told_it_is_refused(tell: Tell) -> None:
    with pytest.raises(DataError, match=r"nps \(it needs the surveys table"):
        tell({"subscriptions": MOVING}, "nps")


def test_an_unknown_metric_is_answered_with_the_nearest(tell: Tell) -> None:
    with pytest.raises(RequestError, match=r"Unknown metric 'logo_chum'. Did you mean 'logo_churn'\? Known: mrr, "):
        tell({"subscriptions": MOVING}, "logo_chum")


# --- groups --------------------------------------------------------------------------------------


def test_segments_add_up_and_who_has_none_is_a_group(tell: Tell) -> None:
    names = sorted({row["account_id"] for row in MOVING})
    accounts = [
        {"account_id": name, "created_at": SINCE, "segment": ("large", "small", None)[number % 3]}
        for number, name in enumerate(names)
    ]
    world = {"accounts": accounts, "subscriptions": MOVING}
    found, whole = tell(world, "mrr", "nrr", by="segment"), tell(world, "mrr")
    assert found.groups == ("large", "no segment", "small")
    parts = [march(found, "mrr", group) for group in found.groups]
    assert sum(number.value or 0 for number in parts) == march(whole, "mrr").value
    assert sum(number.n for number in parts) == march(whole, "mrr").n
    assert {march(found, "nrr", group).status for group in found.groups} == {"not enough data"}


def test_platforms_have_numbers_of_events_alone(tell: Tell) -> None:
    rows = events(40, "page_view", platform="ios") + events(8, "error", platform="ios")
    rows += events(40, "page_view") + events(4, "error")
    found = tell({"events": rows, "subscriptions": MOVING}, "error_rate", "mrr", by="platform")
    assert {group: march(found, "error_rate", group).value for group in found.groups} == {
        "ios": 0.2, "no platform": 0.1,
    }  # fmt: skip
    assert found.left_out == {"mrr": "it is measured on accounts and not on platforms"}


def test_a_visit_has_the_platform_it_began_on(tell: Tell) -> None:
    first = [row | {"platform": "ios"} for row in visits(40, "page_view")]
    then = [row | {"platform": "web", "occurred_at": NOON + HOUR} for row in first]
    found = tell({"events": then + first}, "page_views_per_visit", by="platform")
    assert march(found, "page_views_per_visit", "ios").n == 40
    assert found.groups == ("ios",)


def test_an_account_that_was_merged_counts_as_the_one_it_went_into(project: Callable[..., Settings]) -> None:
    accounts = [{"account_id": name, "created_at": "2023-12-01"} for name in ("kept", "gone", *map(str, range(40)))]
    paying = [
        {"account_id": row["account_id"], "subscription_id": f"s-{row['account_id']}", "started_at": "2023-12-01",
         "mrr": 10}
        for row in accounts
    ]  # fmt: skip
    views = [
        {"account_id": row["account_id"], "kind": "page_view", "occurred_at": "2024-03-05", "session_id": number}
        for number, row in enumerate(accounts)
    ]
    files = {
        "accounts.csv": accounts,
        "subscriptions.csv": paying,
        "events.csv": views,
        "merges.csv": [{"account_id": "gone", "merged_into": "kept", "merged_at": "2024-04-10"}],
    }
    made = project(files, "[data]\nsince = 2024-01-01\nuntil = 2024-06-15\n")
    found = business_numbers(made, load_tables(made, datetime(2024, 7, 1)))
    for number in found.line("mrr"):
        assert (number.value, number.n) == (42 * 10, 41)
    assert {number.value for number in found.line("logo_churn")[:4]} == {0}
    assert {number.n for number in found.line("logo_churn")} == {41}
    assert (march(found, "page_views_per_visit").value, march(found, "page_views_per_visit").n) == (1, 42)


# --- cards -----------------------------------------------------------------------------------------


def test_every_card_can_be_read() -> None:
    for card in CARDS.values():
        assert card.sentence and card.formula and card.source and card.panel
        assert card.table in TABLES
        assert len(card.sentence) <= 70, card.name


def test_a_number_in_json_is_rounded_and_its_month_is_a_text() -> None:
    number = Number("nps", MARCH, "", 1 / 3, None, None, 40, 40, "shown")
    assert (number.as_json()["value"], replace(number, value=None).as_json()["value"]) == (0.333333, None)
    assert number.as_json()["month"] == "2024-03"
