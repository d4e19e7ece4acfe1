"""The SQL behind the business metrics: which month, group and account a row counts for, and whether it was known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.training.business_metrics.rows import (
    APRIL,
    DAY,
    FREE,
    HOUR,
    MARCH,
    MOVING,
    NOON,
    SINCE,
    TICK,
    UNTIL,
    MetricsOf,
    Row,
    World,
    answers,
    crowd,
    events,
    march,
    paid,
    ticket,
    visits,
)
from undertow.features.errors import DataError
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.training.business_metrics.monthly import BusinessMetrics, business_numbers

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
def test_months_are_half_open(metrics_of: MetricsOf, metric: str, world: Callable[[datetime], World]) -> None:
    counted = [march(metrics_of(world(at), metric), metric).n for at in (MARCH - TICK, MARCH, APRIL - TICK, APRIL)]
    assert [n >= 40 for n in counted] == [False, True, True, False]


@pytest.mark.parametrize(("at", "left"), [(MARCH - TICK, None), (MARCH, 1), (APRIL - TICK, 1), (APRIL, 0)])
def test_logo_churn_counts_an_end_in_its_month(metrics_of: MetricsOf, at: datetime, left: float | None) -> None:
    found = march(metrics_of({"subscriptions": crowd(40, end=at)}, "logo_churn"), "logo_churn")
    assert found.value == left


def test_a_ticket_resolved_at_month_end_was_open_then(metrics_of: MetricsOf) -> None:
    rows = [ticket(i, opened_at=SINCE, resolved_at=APRIL) for i in range(40)]
    assert march(metrics_of({"tickets": rows}, "open_ticket_age"), "open_ticket_age").n == 40
    rows = [row | {"resolved_at": APRIL - TICK} for row in rows] + [ticket(0, opened_at=APRIL)]
    assert march(metrics_of({"tickets": rows}, "open_ticket_age"), "open_ticket_age").n == 0


def test_a_ticket_reopened_after_it_was_resolved_is_open_with_its_age_from_opening(metrics_of: MetricsOf) -> None:
    resolved = {"resolved_at": MARCH + 3 * DAY}
    rows = [ticket(i, opened_at=MARCH, reopened_at=MARCH + 5 * DAY, **resolved) for i in range(40)]
    assert march(metrics_of({"tickets": rows}, "open_ticket_age"), "open_ticket_age").n == 40
    rows += [ticket(i, opened_at=MARCH, **resolved) for i in range(40)]
    rows += [ticket(i, opened_at=MARCH, reopened_at=MARCH + DAY, priority="low", **resolved) for i in range(40)]
    rows += [ticket(i, opened_at=MARCH, reopened_at=APRIL, topic="x", channel="y", **resolved) for i in range(40)]
    found = march(metrics_of({"tickets": rows}, "open_ticket_age"), "open_ticket_age")
    assert (found.value, found.n) == (31, 40)


def test_a_ticket_resolved_again_after_its_reopening_was_not_reopened(metrics_of: MetricsOf) -> None:
    rows = [ticket(i, resolved_at=NOON + 2 * HOUR, reopened_at=NOON + i % 4 * HOUR) for i in range(40)]
    assert march(metrics_of({"tickets": rows}, "reopen_rate"), "reopen_rate").value == 0.25


def test_a_visit_belongs_to_the_month_it_began_in(metrics_of: MetricsOf) -> None:
    late = [row | {"occurred_at": APRIL + HOUR} for row in visits(40, "page_view")]
    found = metrics_of({"events": visits(40, "page_view") + late}, "page_views_per_visit")
    assert [number.n for number in found.line("page_views_per_visit")] == [0, 0, 40, 0, 0, 0]
    assert march(found, "page_views_per_visit").value == 2


def test_a_visit_that_began_before_the_months_shown_is_not_one_of_theirs(metrics_of: MetricsOf) -> None:
    late = [row | {"occurred_at": APRIL - HOUR} for row in visits(40, "page_view")]
    early = [row | {"occurred_at": APRIL + HOUR} for row in visits(40, "page_view")]
    only = [row | {"occurred_at": APRIL + HOUR, "session_id": "x"} for row in visits(31, "page_view")]
    found = metrics_of({"events": late + early + only}, "page_views_per_visit", months=3)
    assert [number.n for number in found.line("page_views_per_visit")] == [31, 0, 0]
    with pytest.raises(DataError, match="no row of these months"):
        metrics_of({"events": late + early}, "page_views_per_visit", months=3)


@pytest.mark.parametrize(("recorded", "n"), [(UNTIL - TICK, 80), (UNTIL, 40)])
def test_a_late_row_counts_where_it_happened_once_it_is_recorded(
    metrics_of: MetricsOf, recorded: datetime, n: int
) -> None:
    rows = events(40, "page_view", duration_ms=1)
    late = [row | {"recorded_at": recorded} for row in rows]
    assert march(metrics_of({"events": rows + late}, "load_time_p75"), "load_time_p75").n == n


def test_an_end_recorded_at_the_end_of_the_record_is_unknown(metrics_of: MetricsOf) -> None:
    for recorded, churned in ((UNTIL - TICK, 4000), (UNTIL, 0)):
        rows = crowd(40, end=NOON, end_recorded_at=recorded)
        found = metrics_of({"subscriptions": rows}, "mrr_churned", "logo_churn")
        assert march(found, "mrr_churned").value == churned
        assert march(found, "logo_churn").value == churned / 4000


def test_a_subscription_recorded_after_the_record_ends_is_unknown(metrics_of: MetricsOf) -> None:
    rows = MOVING + crowd(9, "late", recorded_at=UNTIL)
    assert march(metrics_of({"subscriptions": rows}, "mrr"), "mrr").n == 43


@pytest.mark.parametrize(("days", "left"), [(30, 0), (30.01, 1)])
def test_a_return_within_the_grace_is_no_logo_churn(metrics_of: MetricsOf, days: float, left: float) -> None:
    rows = crowd(40, end=NOON) + crowd(40, mrr=99, start=NOON + timedelta(days=days))
    assert march(metrics_of({"subscriptions": rows}, "logo_churn"), "logo_churn").value == left


def test_a_pause_over_months_end_moves_mrr_but_is_no_logo_churn(metrics_of: MetricsOf) -> None:
    rows = crowd(40, end=APRIL - DAY) + crowd(40, mrr=99, start=APRIL + DAY)
    found = metrics_of({"subscriptions": rows}, "logo_churn", "mrr_churned", "mrr_reactivation")
    assert (march(found, "logo_churn").value, march(found, "mrr_churned").value) == (0, 4000)
    assert found.line("mrr_reactivation")[3].value == 99 * 40


def test_a_neutral_end_is_no_logo_churn(metrics_of: MetricsOf) -> None:
    rows = crowd(30) + crowd(10, "done", end=NOON, end_reason="completed")
    found = metrics_of({"subscriptions": rows}, "logo_churn", "logo_churn_stripe", "mrr_churned")
    assert (march(found, "logo_churn").value, march(found, "logo_churn_stripe").value) == (0, 0)
    assert march(found, "mrr_churned").value == 1000


def test_who_comes_and_goes_in_one_month_is_in_stripes_variant_only(metrics_of: MetricsOf) -> None:
    rows = crowd(40) + crowd(10, "short", start=MARCH + DAY, end=NOON)
    found = metrics_of({"subscriptions": rows}, "logo_churn", "logo_churn_stripe")
    assert (march(found, "logo_churn").value, march(found, "logo_churn_stripe").value) == (0, 10 / 50)


def test_who_never_paid_is_in_no_churn_denominator(metrics_of: MetricsOf) -> None:
    churn = ("logo_churn", "logo_churn_stripe")
    empty = crowd(20, "empty", start=NOON, end=NOON)
    failed = crowd(10, "failed", start=NOON, end=NOON + DAY)
    attempts = [
        {"account_id": row["account_id"], "payment_id": row["account_id"], "attempted_at": NOON, "succeeded": False,
         "kind": "attempt"}
        for row in failed
    ]  # fmt: skip
    found = metrics_of({"subscriptions": crowd(40) + empty + failed, "payments": attempts}, *churn)
    assert [(march(found, name).value, march(found, name).n) for name in churn] == [(0, 40), (0, 40)]
    found = metrics_of({"subscriptions": crowd(40) + empty + failed}, *churn)
    assert march(found, "logo_churn_stripe").value == 10 / 50


def converted(found: BusinessMetrics, group: str = "") -> tuple[float, int]:
    """The converted users and all that did not pay yet, in March."""
    number = march(found, "paid_conversion", group)
    return round((number.value or 0) * number.n), number.n


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (SINCE, None, (0, 0)),  # paying at the first event: not one of them
        (NOON.replace(hour=0) - TICK, None, (0, 0)),  # nor who began to pay before that day
        (NOON.replace(hour=0), None, (40, 40)),  # a source may write the day alone
        (NOON + TICK, None, (40, 40)),
        (NOON + 30 * DAY, None, (40, 40)),
        (NOON + 30 * DAY + TICK, None, (0, 40)),
        (SINCE, NOON, (0, 40)),  # no longer paying
        (SINCE, NOON + TICK, (0, 0)),
    ],
)
def test_a_conversion_is_a_first_payment_within_30_days_of_the_first_event_of_the_month(
    metrics_of: MetricsOf, start: datetime, end: datetime | None, expected: tuple[int, int]
) -> None:
    logins = [row | {"user_id": row["account_id"]} for row in events(40, "login") + events(40, "login", NOON + DAY)]
    others = [{"account_id": "free", "user_id": f"x{i}", "occurred_at": NOON, "kind": "login"} for i in range(30)]
    world = {"events": logins + others, "subscriptions": [paid(f"a{i}", start=start, end=end) for i in range(40)]}
    assert converted(metrics_of(world, "paid_conversion")) == (expected[0], expected[1] + 30)


def test_a_user_is_counted_once_and_an_account_where_no_user_is_named(metrics_of: MetricsOf) -> None:
    together = [row | {"account_id": "a", "user_id": f"u{i % 35}"} for i, row in enumerate(events(70, "login"))]
    unnamed = [row for row in events(10, "login") for _ in range(3)]
    world = {"events": together + unnamed, "subscriptions": [paid("a", start=NOON + DAY), paid("a3", start=NOON + DAY)]}
    assert converted(metrics_of(world, "paid_conversion")) == (35 + 1, 35 + 10)


def test_a_user_belongs_to_an_account_while_a_member_of_it_or_once_seen_in_it(metrics_of: MetricsOf) -> None:
    """40 visitors: 10 members of a paying account, 10 no longer, 10 not yet, 10 seen in it before."""
    visitors = [{"event_id": f"v{i}", "user_id": f"v{i}", "occurred_at": NOON, "kind": "login"} for i in range(40)]
    memberships = [(SINCE, None), (SINCE, NOON), (NOON + TICK, None)]
    users = [
        {"account_id": "pays", "user_id": f"v{i}", "joined_at": memberships[i // 10][0],
         "left_at": memberships[i // 10][1]}
        for i in range(30)
    ]  # fmt: skip
    before = [
        {"account_id": "pays", "user_id": f"v{i}", "occurred_at": MARCH - DAY, "kind": "login"} for i in range(30, 40)
    ]
    more = [row | {"user_id": f"more{i}"} for i, row in enumerate(events(20, "login"))]
    world = {"visitors": visitors, "users": users, "events": before + more, "subscriptions": [paid("pays")]}
    assert converted(metrics_of(world, "paid_conversion")) == (0, 10 + 10 + 20)


def test_conversions_wait_for_30_days_and_need_subscriptions(metrics_of: MetricsOf) -> None:
    for days, settled in ((30, True), (29, False)):
        number = march(metrics_of(FREE, "paid_conversion", until=APRIL + days * DAY), "paid_conversion")
        assert (number.status != "not yet settled") == settled
    found = metrics_of({"events": FREE["events"], "surveys": answers("nps", 10, 9)}, "paid_conversion", "nps")
    assert found.left_out["paid_conversion"].startswith("it needs the subscriptions table")


def test_conversions_by_segment_and_by_platform(metrics_of: MetricsOf) -> None:
    """Whoever has no account has no segment; whoever joins one has that of the account."""
    many = [{**row, "event_id": f"x{i}", "user_id": f"x{i}"} for i, row in enumerate(FREE["visitors"] * 2)]
    accounts = [{"account_id": name, "created_at": SINCE, "segment": "small"}
                for name in (*(f"a{i}" for i in range(30)), "new0", "new1", "new2")]  # fmt: skip
    world = {**FREE, "visitors": FREE["visitors"] + many, "accounts": accounts}
    found = metrics_of(world, "paid_conversion", by="segment")
    assert found.groups == ("no segment", "small")
    assert converted(found, "small") == (5, 33)
    assert converted(found, "no segment") == (0, 17 + 40)
    found = metrics_of(world, "paid_conversion", by="platform")
    assert (converted(found, "web"), converted(found, "ios")) == ((3, 30), (2, 60))


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
def test_mrr_movements_balance(metrics_of: MetricsOf, rows: list[Row]) -> None:
    numbered = [row | {"subscription_id": str(number)} for number, row in enumerate(rows)]
    found = metrics_of({"subscriptions": numbered}, "mrr", *MOVEMENTS)
    lines = {name: [number.value or 0.0 for number in found.line(name)] for name in ("mrr", *MOVEMENTS)}
    change = np.diff([0.0, *lines["mrr"]])
    moved = sum(sign * np.array(lines[name]) for name, sign in MOVEMENTS.items())
    assert change == pytest.approx(moved, abs=1e-3)
    assert all(value >= 0 for line in lines.values() for value in line)


MOVEMENTS = {"mrr_new": 1, "mrr_reactivation": 1, "mrr_expansion": 1, "mrr_contraction": -1, "mrr_churned": -1}


def test_a_visit_has_the_platform_it_began_on(metrics_of: MetricsOf) -> None:
    first = [row | {"platform": "ios"} for row in visits(40, "page_view")]
    then = [row | {"platform": "web", "occurred_at": NOON + HOUR} for row in first]
    found = metrics_of({"events": then + first}, "page_views_per_visit", by="platform")
    assert march(found, "page_views_per_visit", "ios").n == 40
    assert found.groups == ("ios",)


@pytest.mark.parametrize("merged_at", ["2024-04-10", "2024-06-10"])  # the second lies after the last whole month
def test_an_account_that_was_merged_counts_as_the_one_it_went_into(
    project: Callable[..., Settings], merged_at: str
) -> None:
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
        "merges.csv": [{"account_id": "gone", "merged_into": "kept", "merged_at": merged_at}],
    }
    made = project(files, "[data]\nsince = 2024-01-01\nuntil = 2024-06-15\n")
    found = business_numbers(made, load_tables(made, datetime(2024, 7, 1)))
    for number in found.line("mrr"):
        assert (number.value, number.n) == (42 * 10, 41)
    assert {number.value for number in found.line("logo_churn")[:4]} == {0}
    assert {number.n for number in found.line("logo_churn")} == {41}
    assert (march(found, "page_views_per_visit").value, march(found, "page_views_per_visit").n) == (1, 42)


def test_a_free_account_that_was_merged_is_counted_once(project: Callable[..., Settings]) -> None:
    names = ("kept", "gone", *map(str, range(40)))
    files = {
        "accounts.csv": [{"account_id": name, "created_at": "2023-12-01"} for name in (*names, "pays")],
        "subscriptions.csv": [{"account_id": "pays", "subscription_id": "s", "started_at": "2023-12-01", "mrr": 10}],
        "events.csv": [
            {"account_id": name, "kind": "login", "occurred_at": "2024-03-05", "user_id": user}
            for name, user in (*((name, "") for name in names), ("gone", "someone"))
        ],
        "merges.csv": [{"account_id": "gone", "merged_into": "kept", "merged_at": "2024-04-10"}],
    }
    made = project(files, "[data]\nsince = 2024-01-01\nuntil = 2024-06-15\n")
    found = business_numbers(made, load_tables(made, datetime(2024, 7, 1)), ("paid_conversion",))
    assert converted(found) == (0, 41 + 1)
