"""The most active user of an account leaves now and then: what is lost, what comes back, and what is recorded."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from undertow.features.simulator import Parameters, PlantedCause, Shock, World, event_months, observe, run
from undertow.features.simulator.branches import look_ahead
from undertow.features.simulator.history import stream
from undertow.features.simulator.state import State
from undertow.features.simulator.world import MOST_MISSED, apply_shock, step

Tables = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def restless() -> World:
    """300 accounts x 8 months, in which the most active user stays for half a year on average."""
    return run(Parameters(accounts=300, months=8, champion_loss=1 / 180, monthly_base=-9.0), seed=3)


@pytest.fixture(scope="module")
def tables(restless: World) -> Tables:
    """Its tables, to be asked in SQL; `visits` are the sessions of customers, with their user."""
    connection = duckdb.connect()
    for name, table in (observe(restless) | {"events": pa.concat_tables(event_months(restless))}).items():
        connection.register(name, table)
    connection.execute(
        "CREATE VIEW visits AS SELECT account_id, session_id, any_value(user_id) AS user_id, min(occurred_at) AS began "
        "FROM events WHERE event_id NOT LIKE 'E-X%' AND account_id <> 'A-00300' GROUP BY ALL"
    )
    return connection


def _one(tables: Tables, query: str) -> float:
    return float(tables.execute(query).fetchall()[0][0])


def _calm(world: World, state: State, day: int, **changes: float) -> State:
    """Return the state after a step without other influences on engagement."""
    p = replace(world.parameters, engagement_noise=0.0, engagement_follows=0.0, **changes)
    return step(p, world.static, state, day, stream(1), world.release_effects)[0]


# --- what is lost ----------------------------------------------------------------------------


def test_champions_leave_active_accounts_at_the_given_rate(restless: World) -> None:
    days = sum(int(month.present.sum()) for month in restless.months())
    left = restless.journal.champion_left.sum()
    assert left > 100 and abs(left - days / 180) < 4.0 * np.sqrt(days / 180)
    assert restless.journal.present[restless.journal.champion_left].all()


def test_losses_are_exponential_up_to_a_limit(village: World) -> None:
    state = village.frozen[0].take(np.zeros(40_000, np.int64)).each(np.copy)
    many = replace(state, active=np.ones(len(state.active), bool), missed=np.zeros(len(state.active)))
    static = village.static.take(np.zeros(40_000, np.int64))
    after = step(replace(village.parameters, champion_loss=0.5), static, many, 10, stream(1), village.release_effects)[
        0
    ]
    lost = after.missed[after.champion_since == 10]
    assert len(lost) == pytest.approx(20_000, rel=0.03)
    # Exponential with mean 1.2, cut at 4.0: mean 1.2 x (1 - e^(-4 / 1.2)) = 1.157; above 2.5: e^(-2.5 / 1.2) = 0.125.
    assert lost.mean() == pytest.approx(1.157, abs=0.03) and lost.max() == MOST_MISSED
    assert (lost > 2.5).mean() == pytest.approx(0.125, abs=0.01)
    assert (lost < 0.25).mean() == pytest.approx(1 - np.exp(-0.25 / 1.2), abs=0.01)


def test_half_of_a_loss_is_made_good_after_the_given_days(village: World) -> None:
    start = replace(village.state_at(60), missed=np.full(60, 2.0))
    state = start
    for day in range(60, 90):
        state = _calm(village, state, day, champion_loss=0.0, champion_halving=30.0)
    assert state.missed == pytest.approx(np.ones(60))
    # One day moves engagement by a twentieth of its distance from habit minus what is missed.
    once = _calm(village, start, 60, champion_loss=0.0, champion_halving=30.0)
    usual = start.habit - 2.0 * 0.5 ** (1 / 30)
    assert once.engagement == pytest.approx(start.engagement + 0.05 * (usual - start.engagement))


def test_a_planted_loss_takes_the_champion_of_active_accounts(village: World) -> None:
    state, hit = village.state_at(60), np.arange(60) < 40
    struck = apply_shock(state, Shock(PlantedCause.habit, 60), hit)
    lost = hit & state.active
    assert 0 < lost.sum() < 40
    assert state.engagement - struck.engagement == pytest.approx(2.5 * lost)
    assert np.array_equal(struck.champion - state.champion, lost.astype(int))


def test_the_futures_of_an_account_hold_losses_to_come(restless: World) -> None:
    who = np.flatnonzero(restless.state_at(120).active)
    lever = replace(restless.parameters, champion_loss=0.0)
    usual, without = (look_ahead(restless, 120, who, [180], paths=16, lever=p).lost[0, 0].sum() for p in (None, lever))
    assert usual > 1.2 * without


def test_old_accounts_begin_with_a_part_of_an_earlier_loss(restless: World) -> None:
    state = restless.frozen[0]
    assert (state.missed[~state.active] == 0.0).all()
    # In balance: a rate of 1/180 x 1.2 lost x a mean duration of 150 / ln 2 days, over the last loss alone.
    last = 1.2 * 150 / np.log(2) / (150 / np.log(2) + 180)
    assert state.missed[state.active].mean() == pytest.approx(last, rel=0.25)


# --- what is recorded ------------------------------------------------------------------------


def test_a_champion_who_left_is_gone_from_users_and_visits(restless: World, tables: Tables) -> None:
    j = restless.journal
    left = j.take(np.flatnonzero(j.champion_left))
    recorded = tables.execute(
        "SELECT CAST(user_id[3:7] AS INTEGER), CAST(user_id[9:] AS INTEGER), "
        "date_diff('day', TIMESTAMP '2023-01-01', left_at) FROM users WHERE left_at IS NOT NULL"
    ).fetchall()
    expected = set(zip(left.account.tolist(), (left.champion - 1).tolist(), left.day.tolist(), strict=True))
    missing = expected - set(recorded)
    end = {(account, day) for account, day in zip(j.account[j.left > 0], j.day[j.left > 0], strict=True)}
    assert all((account, day) in end for account, _, day in missing)  # on the day on which the account itself left
    after = "SELECT count(*) FROM visits JOIN users USING (account_id, user_id) WHERE began {} left_at"
    assert _one(tables, after.format(">=")) == 0 < _one(tables, after.format("<"))


def test_a_successor_has_joined_before_it_takes_over_and_visits_most(tables: Tables) -> None:
    early = "SELECT count(*) FROM visits JOIN users USING (account_id, user_id) WHERE began < joined_at"
    assert _one(tables, early) == 0
    follows = (
        "FROM users a JOIN users b ON b.account_id = a.account_id AND CAST(b.user_id[9:] AS INTEGER) = 1 "
        "WHERE a.user_id[9:] = '000' AND a.left_at IS NOT NULL"
    )
    assert _one(tables, f"SELECT count(*) {follows}") > 50
    assert _one(tables, f"SELECT count(*) {follows} AND b.joined_at > a.left_at") == 0
    visits = (
        "SELECT count(*) FROM visits v JOIN users a ON a.account_id = v.account_id AND a.user_id[9:] = '000' "
        "LEFT JOIN users b ON b.account_id = v.account_id AND b.user_id[9:] = '001' "
        "WHERE began >= a.left_at AND (b.left_at IS NULL OR began < b.left_at) AND v.user_id[9:] {} '001'"
    )
    assert _one(tables, visits.format("=")) > 0.4 * _one(tables, visits.format("<>"))


def test_tickets_and_surveys_come_from_the_champion_of_the_day(tables: Tables) -> None:
    for name, when in (("tickets", "opened_at"), ("surveys", "asked_at")):
        gone = f"SELECT count(*) FROM {name} JOIN users USING (account_id, user_id) WHERE {when} >= left_at"
        later = f"SELECT count(*) FROM {name} WHERE user_id[9:] <> '000'"
        assert _one(tables, gone) == 0 < _one(tables, later), name
