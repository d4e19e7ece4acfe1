"""A town of 1,000 accounts: who leaves, and what the tables say of it."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tests.features.simulator.written import TABLES
from undertow.features.simulator import World, event_months, observe
from undertow.features.simulator.state import ACCEPTED, INVOLUNTARY, STAYED, VOLUNTARY
from undertow.features.tables import EVENT_KINDS


@pytest.fixture(scope="module")
def days(town: World) -> dict[str, NDArray[np.generic]]:
    """What happened to the town, arrays of shape (n_days, n_accounts)."""
    parts = [
        {"left": m.left, "present": m.present, "arrived": m.arrived, "renews_on": m.lived.renews_on}
        for m in town.months()
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def tables(town: World) -> duckdb.DuckDBPyConnection:
    """The ten tables of the town, to be asked in SQL."""
    connection = duckdb.connect()
    for name, table in (observe(town) | {"events": pa.concat_tables(event_months(town))}).items():
        connection.register(name, table)
    return connection


def _yearly_churn(days: dict[str, NDArray[np.generic]], accounts: NDArray[np.bool_]) -> float:
    left = np.isin(days["left"][:, accounts], (VOLUNTARY, INVOLUNTARY)).sum()
    return float(1.0 - np.exp(-left / days["present"][:, accounts].sum() * 365.25))


def _one(tables: duckdb.DuckDBPyConnection, query: str) -> float:
    return float(tables.execute(query).fetchall()[0][0])


def test_monthly_contracts_lose_25_to_40_percent_a_year_and_annual_8_to_18(
    town: World, days: dict[str, NDArray[np.generic]]
) -> None:
    assert 0.25 <= _yearly_churn(days, town.static.term == 1) <= 0.40
    assert 0.08 <= _yearly_churn(days, town.static.term == 12) <= 0.18


def test_failed_cards_cause_10_to_36_percent_of_churn(days: dict[str, NDArray[np.generic]]) -> None:
    by_card = (days["left"] == INVOLUNTARY).sum()
    assert 0.10 <= by_card / (by_card + (days["left"] == VOLUNTARY).sum()) <= 0.36


def test_annual_contracts_end_by_choice_only_near_their_renewal(
    town: World, days: dict[str, NDArray[np.generic]]
) -> None:
    day, account = np.nonzero((days["left"] == VOLUNTARY) & (town.static.term == 12))
    assert len(day) > 20
    assert (days["renews_on"][day, account] - day <= 14).mean() > 0.8


def test_a_tenth_of_the_accounts_holds_about_half_of_the_money(town: World) -> None:
    last = town.frozen[town.parameters.days]
    mrr = np.sort(last.mrr[last.active])
    assert 150 < np.median(mrr) < 260
    assert 330 < mrr.mean() < 550
    assert 0.40 < mrr[-len(mrr) // 10 :].sum() / mrr.sum() < 0.58


def test_some_who_left_come_back_but_never_within_45_days(days: dict[str, NDArray[np.generic]]) -> None:
    returns = 0
    for day, who in zip(*np.nonzero(days["arrived"]), strict=True):
        before = np.flatnonzero(days["left"][:day, who] != STAYED)
        returns += len(before) > 0
        assert len(before) == 0 or day - before[-1] >= 45
    assert returns > 5


def test_new_accounts_sign_until_the_last_month(tables: duckdb.DuckDBPyConnection) -> None:
    months = tables.execute(
        "SELECT count(*) FROM accounts WHERE created_at >= TIMESTAMP '2023-01-01' AND segment IS NOT NULL "
        "GROUP BY date_trunc('month', created_at)"
    ).fetchall()
    assert len(months) == 24
    assert min(months)[0] > 5


def test_accounts_that_met_errors_this_month_are_less_satisfied(town: World, tables: duckdb.DuckDBPyConnection) -> None:
    gaps = []
    for number in range(24):
        end = town.parameters.first_day + town.parameters.month_start(number + 1)
        rates = tables.execute(
            "SELECT CAST(right(account_id, 5) AS INTEGER), "
            "count(*) FILTER (kind = 'error') / count(*) FILTER (kind = 'page_view') FROM events "
            f"WHERE occurred_at >= DATE '{end}' - INTERVAL 30 DAY AND occurred_at < DATE '{end}' "
            "AND account_id IN (SELECT account_id FROM subscriptions) "
            "GROUP BY 1 HAVING count(*) FILTER (kind = 'page_view') >= 10"
        ).fetchall()
        account, rate = np.array(rates).T
        satisfaction = town.frozen[town.parameters.month_start(number + 1)].satisfaction[account.astype(np.int64)]
        bad = rate > np.quantile(rate, 0.8)
        gaps.append(satisfaction[~bad].mean() - satisfaction[bad].mean())
    assert np.mean(gaps) > 0.1


def test_unhappy_accounts_wait_longer_for_support(tables: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT avg(epoch(resolved_at - opened_at)) FROM tickets WHERE csat {} 3"
    assert _one(tables, query.format("<=")) > 1.2 * _one(tables, query.format(">"))


def test_heavy_users_meet_more_errors_and_stay(town: World, days: dict[str, NDArray[np.generic]]) -> None:
    usage = town.static.session_base * np.exp(0.9 * town.frozen[0].habit)
    heavy = usage > np.median(usage)
    errors = usage * town.static.quiet_errors
    assert errors[heavy].mean() > 2.0 * errors[~heavy].mean()
    assert _yearly_churn(days, heavy) < _yearly_churn(days, ~heavy)


def test_detractors_leave_more_often_than_promoters(tables: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT avg(CASE WHEN EXISTS (SELECT 1 FROM subscriptions s WHERE s.account_id = v.account_id "
        "AND s.end_reason IN ('cancelled', 'payment_failed') AND s.ended_at >= v.responded_at "
        "AND s.ended_at < v.responded_at + INTERVAL 90 DAY) THEN 1 ELSE 0 END) FROM surveys v "
        "WHERE v.kind = 'nps' AND v.score {} AND v.responded_at < TIMESTAMP '2024-10-01'"
    )
    assert _one(tables, query.format("<= 6")) > 1.5 * _one(tables, query.format(">= 9"))


def test_every_event_has_a_known_kind(tables: duckdb.DuckDBPyConnection) -> None:
    kinds = {row[0] for row in tables.execute("SELECT DISTINCT kind FROM events").fetchall()}
    assert kinds == set(EVENT_KINDS)


@pytest.mark.parametrize("name", TABLES)
def test_nothing_is_known_before_it_was_recorded_or_after_the_last_day(
    tables: duckdb.DuckDBPyConnection, name: str
) -> None:
    columns = TABLES[name].columns
    times = {c.known_from for c in columns if c.known_from} | {c.name for c in columns if c.name == "recorded_at"}
    for time in times:
        assert _one(tables, f"SELECT count(*) FROM {name} WHERE {time} >= TIMESTAMP '2025-01-01'") == 0, time
        known = [c.name for c in columns if c.known_from == time]
        early = " OR ".join(f"({time} IS NULL AND {column} IS NOT NULL)" for column in known)
        assert not known or _one(tables, f"SELECT count(*) FROM {name} WHERE {early}") == 0, known


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.ordered])
def test_times_within_a_row_are_in_order(tables: duckdb.DuckDBPyConnection, name: str) -> None:
    for earlier, later in TABLES[name].ordered:
        assert _one(tables, f"SELECT count(*) FROM {name} WHERE {later} < {earlier}") == 0


def test_a_changed_price_begins_at_the_instant_the_old_one_ends(tables: duckdb.DuckDBPyConnection) -> None:
    changed = "FROM subscriptions a WHERE end_reason = 'changed'"
    follows = (
        "(SELECT 1 FROM subscriptions b WHERE b.subscription_id = a.subscription_id AND b.started_at = a.ended_at "
        "AND (b.mrr <> a.mrr OR b.seats <> a.seats))"
    )
    assert _one(tables, f"SELECT count(*) {changed}") > 100
    assert _one(tables, f"SELECT count(*) {changed} AND NOT EXISTS {follows}") == 0


def test_a_discount_lasts_until_the_price_changes(tables: duckdb.DuckDBPyConnection) -> None:
    signed = "(SELECT account_id, min(started_at) FROM subscriptions GROUP BY account_id)"
    rows = "SELECT {} FROM subscriptions WHERE (account_id, started_at) {} " + signed
    assert 0.1 < _one(tables, rows.format("avg((discount > 0)::INT)", "IN")) < 0.2
    assert _one(tables, rows.format("max(discount)", "NOT IN")) == 0
    share = rows.format("{}(discount / (mrr + discount))", "IN") + " AND discount > 1"
    assert _one(tables, share.format("min")) > 0.09 and _one(tables, share.format("max")) < 0.31


def test_events_happen_only_while_a_subscription_runs(tables: duckdb.DuckDBPyConnection) -> None:
    # On the day on which it goes into another one, an account is used until the evening.
    end = "CASE WHEN s.end_reason = 'merged' THEN s.ended_at + INTERVAL 12 HOUR ELSE s.ended_at END"
    query = (
        "SELECT count(*) FROM events e WHERE event_id NOT LIKE 'E-X%' AND account_id <> 'A-01000' AND NOT EXISTS "
        "(SELECT 1 FROM subscriptions s WHERE s.account_id = e.account_id AND "
        f"e.occurred_at >= s.started_at AND (s.ended_at IS NULL OR e.occurred_at < {end}))"
    )
    assert _one(tables, query) == 0


def test_the_end_of_a_subscription_is_the_churn_of_the_truth(
    days: dict[str, NDArray[np.generic]], tables: duckdb.DuckDBPyConnection
) -> None:
    # A few ends at the very last are still to be booked.
    for reason, cause in (("cancelled", VOLUNTARY), ("payment_failed", INVOLUNTARY)):
        told = _one(tables, f"SELECT count(*) FROM subscriptions WHERE end_reason = '{reason}'")
        assert 0 <= (days["left"] == cause).sum() - told <= 5


def test_nobody_is_billed_or_called_while_away(tables: duckdb.DuckDBPyConnection) -> None:
    for name, when in (("invoices", "issued_at"), ("contacts", "contacted_at"), ("tickets", "opened_at")):
        end = "s.ended_at + CASE WHEN end_reason = 'merged' THEN INTERVAL 12 HOUR ELSE INTERVAL 0 HOUR END"
        query = (
            f"SELECT count(*) FROM {name} e WHERE NOT EXISTS (SELECT 1 FROM subscriptions s WHERE "
            f"s.account_id = e.account_id AND e.{when} >= s.started_at AND (s.ended_at IS NULL OR e.{when} < {end}))"
        )
        assert _one(tables, query) == 0, name


def test_contacts_are_a_trial_with_a_control_half(town: World, tables: duckdb.DuckDBPyConnection) -> None:
    assert 0.3 < _one(tables, "SELECT avg((arm = 'control')::INT) FROM contacts") < 0.7
    taken = "SELECT count(*) FROM contacts WHERE accepted"
    assert _one(tables, taken) == (town.journal.called == ACCEPTED).sum()
