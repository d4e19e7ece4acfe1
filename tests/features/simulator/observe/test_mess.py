"""Real records are late, doubled and a little wrong. So are these, by known amounts."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from undertow.features.simulator import Parameters, World, event_months, observe, run
from undertow.features.simulator.observe.columns import DAY
from undertow.features.simulator.observe.mess import NOBODY, outage_span, renamed_on
from undertow.features.simulator.observe.people import BOT_NAME

Tables = duckdb.DuckDBPyConnection
BOT = "A-00500"
TRUE = f"account_id NOT IN ('{BOT}', '{NOBODY}') AND event_id NOT LIKE 'E-X%'"  # sent by customers, and possible


@pytest.fixture(scope="module")
def town() -> World:
    """500 accounts x 14 months, in which more accounts merge than usual."""
    return run(Parameters(accounts=500, months=14, merge_rate=1e-4), seed=4)


@pytest.fixture(scope="module")
def tables(town: World) -> Tables:
    """Its tables, to be asked in SQL; `log` is the events with their place in the file, `gone` those who left."""
    return _asked(town)


def _asked(world: World) -> Tables:
    connection = duckdb.connect()
    for name, table in observe(world).items():
        connection.register(name, table)
    events = pa.concat_tables(event_months(world))
    connection.register("log", events.append_column("place", pa.array(range(events.num_rows))))
    connection.execute("CREATE VIEW gone AS FROM subscriptions WHERE end_reason IN ('cancelled', 'payment_failed')")
    return connection


def _row(tables: Tables, query: str) -> tuple[float, ...]:
    return tuple(float(value) for value in tables.execute(query).fetchall()[0])


def _one(tables: Tables, query: str) -> float:
    return _row(tables, query)[0]


def _moment(world: World, micros: int) -> datetime:
    start = world.parameters.start
    return datetime(start.year, start.month, start.day) + timedelta(microseconds=micros)


# --- the log ---------------------------------------------------------------------------------


def test_two_in_a_hundred_events_are_recorded_over_three_days_late(tables: Tables) -> None:
    late = "(recorded_at > occurred_at + INTERVAL 3 DAY)::INT"
    assert 0.015 < _one(tables, f"SELECT avg({late}) FROM log WHERE {TRUE}") < 0.025
    longest = "SELECT max(epoch(recorded_at - occurred_at)) / 86400 FROM log WHERE " + TRUE
    assert 7.0 < _one(tables, longest) < 14.0  # up to a week, and some minutes


def test_telephones_send_late_and_whole_sessions_at_once(tables: Tables) -> None:
    late = "avg((recorded_at > occurred_at + INTERVAL 3 DAY)::INT)"
    on_web, on_apps = _row(
        tables, f"SELECT {late} FILTER (platform = 'web'), {late} FILTER (platform <> 'web') FROM log WHERE {TRUE}"
    )
    assert on_apps > 4.0 * on_web > 0.0
    sessions, partly = _row(
        tables,
        f"SELECT count(*), count(*) FILTER (share < 1) FROM (SELECT {late} AS share FROM log WHERE {TRUE} "
        "GROUP BY session_id) WHERE share > 0",
    )
    assert sessions > 100
    assert partly < 0.01 * sessions


def test_late_events_of_one_month_come_with_the_next(tables: Tables) -> None:
    late = f"FROM log WHERE {TRUE} AND recorded_at > occurred_at + INTERVAL 3 DAY"
    over = "AND date_trunc('month', recorded_at) > date_trunc('month', occurred_at)"
    assert 0.08 < _one(tables, f"SELECT count(*) {late} {over}") / _one(tables, f"SELECT count(*) {late}") < 0.35


def test_most_events_are_recorded_within_the_hour_but_never_before_they_occurred(tables: Tables) -> None:
    hour = f"SELECT avg((recorded_at < occurred_at + INTERVAL 1 HOUR)::INT) FROM log WHERE {TRUE}"
    assert 0.93 < _one(tables, hour) < 0.99
    assert _one(tables, f"SELECT count(*) FROM log WHERE recorded_at < occurred_at AND {TRUE}") == 0


def test_rows_stand_in_the_order_of_recording_which_is_not_that_of_occurrence(tables: Tables) -> None:
    ordered = (
        "SELECT count(*) FROM (SELECT {} < lag({}) OVER (ORDER BY place) AS back FROM log "
        "WHERE event_id NOT LIKE 'E-X%' QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY place) = 1) "
        "WHERE back"
    )
    assert _one(tables, ordered.format("recorded_at", "recorded_at")) == 0
    assert _one(tables, ordered.format("occurred_at", "occurred_at")) > 1000


def test_five_in_a_thousand_events_come_twice_word_for_word(tables: Tables) -> None:
    n, ids, rows = _row(
        tables,
        "SELECT count(*), count(DISTINCT event_id), "
        "(SELECT count(*) FROM (SELECT DISTINCT * EXCLUDE place FROM log)) FROM log",
    )
    assert 0.004 < (n - ids) / n < 0.006
    assert ids == rows


def test_a_few_rows_cannot_be_true(tables: Tables) -> None:
    nobody, early, negative, strange, n = _row(
        tables,
        f"SELECT count(*) FILTER (account_id = '{NOBODY}'), count(*) FILTER (occurred_at < TIMESTAMP '2000-01-01'), "
        "count(*) FILTER (duration_ms < 0), count(*) FILTER (event_id LIKE 'E-X%'), count(*) FROM log",
    )
    assert nobody == early == negative == strange / 3 >= 14  # one of each a month at least
    assert 0.0001 < strange / n < 0.001


def test_the_collector_was_down_for_a_day_and_a_half(town: World, tables: Tables) -> None:
    start, end = (_moment(town, micros) for micros in outage_span(town.parameters))
    assert end - start == timedelta(hours=36)
    during = "SELECT count(*) FROM log WHERE occurred_at >= TIMESTAMP '{}' AND occurred_at < TIMESTAMP '{}'"
    assert _one(tables, during.format(start, end)) == 0
    for days in (-2, 2):
        assert _one(tables, during.format(start + timedelta(days=days), end + timedelta(days=days))) > 100


def test_an_outage_of_no_hours_loses_nothing() -> None:
    p = Parameters(accounts=20, months=1, outage_hours=0.0)
    by_monitor = sum((m["account_id"].to_numpy(False) == "A-00020").sum() for m in event_months(run(p, seed=1)))
    assert by_monitor >= 31 * 12


def test_apps_send_their_load_time_under_another_name_from_one_day_on(town: World, tables: Tables) -> None:
    day = _moment(town, renamed_on(town.parameters) * DAY)
    seen = (
        "SELECT count(duration_ms), count(load_ms) FROM log WHERE kind = 'page_view' AND "
        f"{TRUE} AND platform {{}} 'web' AND occurred_at {{}} TIMESTAMP '{day}'"
    )
    for web, when in (("=", "<"), ("=", ">="), ("<>", "<")):
        old, new = _row(tables, seen.format(web, when))
        assert old > 1000 and new == 0
    old, new = _row(tables, seen.format("<>", ">="))
    assert old == 0 and new > 1000
    assert _one(tables, "SELECT count(load_ms) FROM log WHERE kind <> 'page_view'") == 0


def test_a_task_keeps_its_duration_after_the_new_name(town: World, tables: Tables) -> None:
    day = _moment(town, renamed_on(town.parameters) * DAY)
    tasks = f"FROM log WHERE kind = 'task_completed' AND platform <> 'web' AND occurred_at >= TIMESTAMP '{day}'"
    assert _one(tables, f"SELECT avg((duration_ms IS NOT NULL)::INT) {tasks}") == 1.0


def test_a_robot_looks_in_day_and_night_and_never_pays(tables: Tables) -> None:
    name = tables.execute(f"SELECT name FROM accounts WHERE account_id = '{BOT}'").fetchall()
    assert name == [(BOT_NAME,)]
    for table in ("subscriptions", "invoices", "payments", "tickets", "surveys", "contacts", "users"):
        assert _one(tables, f"SELECT count(*) FROM {table} WHERE account_id = '{BOT}'") == 0, table
    at_night = "SELECT avg((hour(occurred_at) < 6)::INT) FROM log WHERE {} AND occurred_at > TIMESTAMP '2000-01-01'"
    assert 0.2 < _one(tables, at_night.format(f"account_id = '{BOT}'")) < 0.3
    assert _one(tables, at_night.format(TRUE)) == 0


def test_a_world_may_be_without_a_robot() -> None:
    world = run(Parameters(accounts=20, months=1, bot_minutes=0.0), seed=1)
    assert observe(world)["accounts"].num_rows == 20
    assert "A-00020" not in set(pa.concat_tables(event_months(world))["account_id"].to_pylist())


# --- the other tables ------------------------------------------------------------------------


def test_a_merged_account_ends_that_instant_and_is_billed_no_more(town: World, tables: Tables) -> None:
    merged = _one(tables, "SELECT count(*) FROM merges")
    assert 3 < merged == (town.journal.heir >= 0).sum()
    ended = (
        "SELECT count(*) FROM merges m JOIN subscriptions s ON s.account_id = m.account_id "
        "AND s.end_reason = 'merged' AND s.ended_at = m.merged_at AND s.end_recorded_at = m.recorded_at"
    )
    assert (
        _one(tables, ended) == merged == _one(tables, "SELECT count(*) FROM subscriptions WHERE end_reason = 'merged'")
    )
    for table, when in (
        ("subscriptions", "started_at"),
        ("invoices", "issued_at"),
        ("log", "occurred_at - INTERVAL 1 DAY"),
    ):
        after = f"SELECT count(*) FROM {table} t JOIN merges m USING (account_id) WHERE t.{when} > merged_at"
        assert _one(tables, after) == 0, table


def test_an_heir_pays_for_both(tables: Tables) -> None:
    heirs = tables.execute(
        "SELECT a.mrr + b.mrr, c.mrr, a.seats + b.seats, c.seats FROM merges m "
        "JOIN subscriptions a ON a.account_id = m.account_id AND a.end_reason = 'merged' "
        "JOIN subscriptions b ON b.account_id = merged_into AND b.end_reason = 'changed' "
        "AND CAST(b.ended_at AS DATE) = CAST(merged_at AS DATE) "
        "JOIN subscriptions c ON c.subscription_id = b.subscription_id AND c.started_at = b.ended_at"
    ).fetchall()
    assert len(heirs) == _one(tables, "SELECT count(*) FROM merges")
    for apart, together, seats_apart, seats in heirs:
        assert together == pytest.approx(apart) and seats == seats_apart


def test_a_few_goodbyes_are_booked_days_later(tables: Tables) -> None:
    ends, late = _row(
        tables, "SELECT count(*), count(*) FILTER (end_recorded_at >= ended_at + INTERVAL 1 DAY) FROM gone"
    )
    assert 0.02 < late / ends < 0.12
    waits = "SELECT max(epoch(end_recorded_at - ended_at)) / 86400 FROM gone"
    assert 2.0 < _one(tables, waits) <= 6.0
    at_once = (
        "SELECT count(*) FROM subscriptions WHERE end_recorded_at <> ended_at AND end_recorded_at < ended_at "
        "+ INTERVAL 1 DAY OR end_reason IN ('changed', 'merged') AND end_recorded_at <> ended_at"
    )
    assert _one(tables, at_once) == 0


def test_goodbyes_can_all_be_booked_at_once() -> None:
    subscriptions = observe(run(Parameters(accounts=200, months=6, late_cancellations=0.0), seed=1))["subscriptions"]
    assert subscriptions["ended_at"].equals(subscriptions["end_recorded_at"])
    assert subscriptions["ended_at"].null_count < subscriptions.num_rows


def test_failed_bills_are_tried_again_and_paid_late_or_never(tables: Tables) -> None:
    failed = "SELECT account_id, attempted_at FROM payments WHERE NOT succeeded"
    assert _one(tables, f"SELECT count(*) FROM ({failed})") > 100
    unpaid = _one(
        tables,
        "SELECT avg((EXISTS (SELECT 1 FROM invoices i WHERE i.account_id = s.account_id AND paid_at IS NULL "
        "AND i.issued_at BETWEEN s.ended_at - INTERVAL 17 DAY AND s.ended_at))::INT) FROM subscriptions s "
        "WHERE end_reason = 'payment_failed'",
    )
    assert unpaid == 1.0
    paid_twice = (
        "SELECT count(*) FROM (SELECT invoice_id FROM invoices i JOIN payments p ON p.account_id = i.account_id "
        "AND p.succeeded AND p.attempted_at = i.paid_at GROUP BY 1 HAVING count(*) > 1)"
    )
    assert _one(tables, paid_twice) == 0
