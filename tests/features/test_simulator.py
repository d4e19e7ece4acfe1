"""The simulator is the yardstick, so its own claims are measured here."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from features.errors import SettingsError, TimeError
from features.simulator import (
    PRESETS,
    Parameters,
    World,
    churn_probability,
    daily_hazards,
    observe,
    run,
    simulate,
)
from features.simulator.world import INVOLUNTARY, STAYED, VOLUNTARY
from features.tables import EVENT_KINDS
from features.tables import TABLES as ALL_TABLES

QUARTERS = (6, 9, 12, 15, 18, 21)  # months whose 90 days ahead do not overlap

TABLES = {name: table for name, table in ALL_TABLES.items() if name != "merges"}  # nobody merges here yet


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny world as files, truth in a folder of its own."""
    out: Path = tmp_path_factory.mktemp("tiny")
    simulate("tiny", out, truth=out / "truth")
    return out


@pytest.fixture(scope="module")
def town() -> World:
    """1,200 accounts x 24 months: large enough for rates."""
    return run(Parameters(accounts=1200, months=24), seed=3)


@pytest.fixture(scope="module")
def tables(town: World) -> duckdb.DuckDBPyConnection:
    """The nine tables of the town, to be asked in SQL."""
    connection = duckdb.connect()
    for name, table in observe(town).items():
        connection.register(name, table)
    return connection


@pytest.fixture(scope="module")
def foretold(town: World) -> dict[str, NDArray[np.float64]]:
    """True 90-day probabilities by cause beside what happened, over all quarters."""
    found: dict[str, list[NDArray[np.float64]]] = {"p": [], "p_involuntary": [], "why": []}
    for month in QUARTERS:
        day = town.parameters.month_start(month)
        table = churn_probability(town, _date(town, day), (90,), paths=16)
        found["p"].append(table["p"].to_numpy())
        found["p_involuntary"].append(table["p_involuntary"].to_numpy())
        found["why"].append(town.left[day : day + 90, town.frozen[day].active].max(axis=0))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _date(world: World, day: int) -> date:
    return world.parameters.start + timedelta(days=day)


def _yearly_churn(world: World, accounts: NDArray[np.bool_]) -> float:
    left = (world.left[:, accounts] != STAYED).sum()
    return float(1.0 - np.exp(-left / world.present[:, accounts].sum() * 365.25))


def _one(tables: duckdb.DuckDBPyConnection, query: str) -> float:
    return float(tables.execute(query).fetchall()[0][0])


def test_the_same_seed_writes_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    simulate("tiny", tmp_path)
    for name in TABLES:
        assert (tmp_path / f"{name}.parquet").read_bytes() == (
            tiny / f"{name}.parquet"
        ).read_bytes(), name


def test_another_seed_is_another_world(tiny: Path, tmp_path: Path) -> None:
    simulate("tiny", tmp_path, seed=8)
    assert (tmp_path / "events.parquet").read_bytes() != (tiny / "events.parquet").read_bytes()


def test_every_table_has_the_columns_that_undertow_reads(tiny: Path) -> None:
    for name, table in TABLES.items():
        rows = duckdb.execute(f"DESCRIBE SELECT * FROM '{tiny / name}.parquet'").fetchall()
        assert {row[0] for row in rows} == {column.name for column in table.columns}, name


def test_truth_is_written_apart_from_the_tables(tiny: Path) -> None:
    assert {path.name for path in tiny.glob("*")} == {f"{n}.parquet" for n in TABLES} | {"truth"}
    file = tiny / "truth" / "churn_probability.parquet"
    as_ofs = duckdb.execute(
        f"SELECT count(DISTINCT as_of), count(DISTINCT horizon_days) FROM '{file}'"
    ).fetchall()
    assert as_ofs == [(13, 3)]


def test_progress_rises_to_one(tmp_path: Path) -> None:
    told: list[float] = []
    summary = simulate("tiny", tmp_path, accounts=40, months=4, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0
    assert summary.rows["accounts"] == 40


def test_an_unknown_preset_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Unknown preset 'dmo'.*Did you mean 'demo'"):
        simulate("dmo", tmp_path)


def test_monthly_contracts_lose_25_to_40_percent_a_year_and_annual_8_to_18(town: World) -> None:
    assert 0.25 <= _yearly_churn(town, town.static.term == 1) <= 0.40
    assert 0.08 <= _yearly_churn(town, town.static.term == 12) <= 0.18


def test_failed_cards_cause_10_to_36_percent_of_churn(town: World) -> None:
    share = (town.left == INVOLUNTARY).sum() / (town.left != STAYED).sum()
    assert 0.10 <= share <= 0.36


def test_annual_contracts_end_by_choice_only_near_their_renewal(town: World) -> None:
    day, account = np.nonzero((town.left == VOLUNTARY) & (town.static.term == 12))
    ahead = town.daily.renews_on[day, account] - day
    assert (ahead <= 14).mean() > 0.8


def test_a_tenth_of_the_accounts_holds_about_half_of_the_money(town: World) -> None:
    last = town.frozen[town.parameters.days]
    mrr = np.sort(last.mrr[last.active])
    assert 150 < np.median(mrr) < 260
    assert 330 < mrr.mean() < 550
    assert 0.40 < mrr[-len(mrr) // 10 :].sum() / mrr.sum() < 0.58


def test_nobody_comes_back_within_45_days(town: World) -> None:
    # The account's first stint begins once; every other arrival is a return.
    day, account = np.nonzero(town.arrived)
    for now, who in zip(day, account, strict=True):
        before = np.flatnonzero(town.left[:now, who] != STAYED)
        assert len(before) == 0 or now - before[-1] >= 45


def test_daily_hazards_add_up_to_the_churn_that_happened(town: World) -> None:
    for expected, cause in (
        (town.hazards.voluntary.sum(), VOLUNTARY),
        (town.hazards.involuntary.sum(), INVOLUNTARY),
    ):
        happened = (town.left == cause).sum()
        assert abs(happened - expected) < 3.5 * np.sqrt(expected)


def test_hazards_are_told_for_accounts_at_risk_only(town: World) -> None:
    assert daily_hazards(town).num_rows == town.present.sum()
    assert (town.hazards.voluntary[~town.present] == 0.0).all()


def test_true_probabilities_rank_churners_well_but_not_perfectly(
    foretold: dict[str, NDArray[np.float64]],
) -> None:
    churned = foretold["why"] != STAYED
    order = np.argsort(np.argsort(foretold["p"])) + 1
    n = churned.sum()
    auroc = (order[churned].sum() - n * (n + 1) / 2) / (n * (~churned).sum())
    assert 0.72 < auroc < 0.92


@pytest.mark.parametrize("fifth", range(5))
def test_true_probabilities_are_calibrated_in_every_fifth(
    foretold: dict[str, NDArray[np.float64]], fifth: int
) -> None:
    rows = np.array_split(np.argsort(foretold["p"]), 5)[fifth]
    expected = foretold["p"][rows].sum()
    happened = (foretold["why"][rows] != STAYED).sum()
    # Releases strike many accounts at once: a little wider than chance alone.
    assert abs(happened - expected) < 3.5 * np.sqrt(expected) + 0.05 * expected + 2.0


def test_true_probabilities_are_calibrated_by_cause(
    foretold: dict[str, NDArray[np.float64]],
) -> None:
    expected = foretold["p_involuntary"].sum()
    happened = (foretold["why"] == INVOLUNTARY).sum()
    assert abs(happened - expected) < 3.5 * np.sqrt(expected)


def test_a_longer_horizon_never_has_less_churn(town: World) -> None:
    table = churn_probability(town, date(2024, 1, 1), (30, 60, 90), paths=4)
    p = table["p"].to_numpy().reshape(3, -1)
    assert (np.diff(p, axis=0) >= 0.0).all() and p.max() <= 1.0


def test_truth_refuses_a_day_whose_state_was_not_kept(town: World) -> None:
    with pytest.raises(TimeError, match="first of each month"):
        churn_probability(town, date(2024, 1, 2))


def test_accounts_that_met_errors_this_month_are_less_satisfied(
    town: World, tables: duckdb.DuckDBPyConnection
) -> None:
    rates = tables.execute(
        "SELECT CAST(right(account_id, 5) AS INTEGER), "
        "count(*) FILTER (kind = 'error') / count(*) FILTER (kind = 'page_view') FROM events "
        "WHERE occurred_at >= TIMESTAMP '2024-12-02' AND account_id <> 'A-99999' "
        "GROUP BY 1 HAVING count(*) FILTER (kind = 'page_view') >= 10"
    ).fetchall()
    account, rate = np.array(rates).T
    satisfaction = town.daily.satisfaction[-1, account.astype(np.int64)]
    bad = rate > np.quantile(rate, 0.8)
    assert satisfaction[bad].mean() < satisfaction[~bad].mean() - 0.15


def test_unhappy_accounts_wait_longer_for_support(tables: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT avg(epoch(resolved_at - opened_at)) FROM tickets WHERE csat {} 3"
    assert _one(tables, query.format("<=")) > 1.2 * _one(tables, query.format(">"))


def test_heavy_users_meet_more_errors_and_stay(town: World) -> None:
    usage = town.static.session_base * np.exp(0.9 * town.static.mean_engagement)
    heavy = usage > np.median(usage)
    errors = usage * town.static.quiet_errors
    assert errors[heavy].mean() > 2.0 * errors[~heavy].mean()
    assert _yearly_churn(town, heavy) < _yearly_churn(town, ~heavy)


def test_detractors_leave_more_often_than_promoters(tables: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT avg(CASE WHEN s.ended_at < v.responded_at + INTERVAL 90 DAY THEN 1 ELSE 0 END) "
        "FROM surveys v JOIN subscriptions s ON s.account_id = v.account_id "
        "AND v.responded_at >= s.started_at AND v.responded_at < coalesce(s.ended_at, "
        "TIMESTAMP '2100-01-01') AND s.end_reason IS DISTINCT FROM 'changed' "
        "WHERE v.kind = 'nps' AND v.score {} AND v.responded_at < TIMESTAMP '2024-10-01'"
    )
    assert _one(tables, query.format("<= 6")) > 1.5 * _one(tables, query.format(">= 9"))


def test_the_log_is_a_little_dirty(tables: duckdb.DuckDBPyConnection) -> None:
    n = _one(tables, "SELECT count(*) FROM events")
    doubles = n - _one(tables, "SELECT count(DISTINCT event_id) FROM events")
    strange = _one(tables, "SELECT count(*) FROM events WHERE event_id LIKE 'E-X%'")
    late = "SELECT count(*) FROM events WHERE recorded_at > occurred_at + INTERVAL 3 DAY"
    assert 0.004 < doubles / n < 0.006
    assert 0 < strange / n < 0.002
    assert 0.015 < _one(tables, late) / n < 0.025


def test_every_event_has_a_known_kind(tables: duckdb.DuckDBPyConnection) -> None:
    kinds = {row[0] for row in tables.execute("SELECT DISTINCT kind FROM events").fetchall()}
    assert kinds == set(EVENT_KINDS)


@pytest.mark.parametrize("name", TABLES)
def test_nothing_is_known_before_it_was_recorded_or_after_the_last_day(
    tables: duckdb.DuckDBPyConnection, name: str
) -> None:
    times = {c.known_from for c in TABLES[name].columns if c.known_from} | {
        c.name for c in TABLES[name].columns if c.name == "recorded_at"
    }
    for time in times:
        query = f"SELECT count(*) FROM {name} WHERE {time} >= TIMESTAMP '2025-01-01'"
        assert _one(tables, query) == 0, time


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.ordered])
def test_times_within_a_row_are_in_order(tables: duckdb.DuckDBPyConnection, name: str) -> None:
    for earlier, later in TABLES[name].ordered:
        assert _one(tables, f"SELECT count(*) FROM {name} WHERE {later} < {earlier}") == 0


def test_a_changed_price_begins_at_the_instant_the_old_one_ends(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    query = (
        "SELECT count(*) FROM subscriptions a WHERE end_reason = 'changed' AND NOT EXISTS "
        "(SELECT 1 FROM subscriptions b WHERE b.subscription_id = a.subscription_id "
        "AND b.started_at = a.ended_at)"
    )
    assert _one(tables, "SELECT count(*) FROM subscriptions WHERE end_reason = 'changed'") > 100
    assert _one(tables, query) == 0


def test_events_happen_only_while_a_subscription_runs(tables: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT count(*) FROM events e WHERE event_id NOT LIKE 'E-X%' AND NOT EXISTS "
        "(SELECT 1 FROM subscriptions s WHERE s.account_id = e.account_id AND "
        "e.occurred_at >= s.started_at AND (s.ended_at IS NULL OR e.occurred_at < s.ended_at))"
    )
    assert _one(tables, query) == 0


def test_the_end_of_a_subscription_is_the_churn_of_the_truth(
    town: World, tables: duckdb.DuckDBPyConnection
) -> None:
    ends = "SELECT count(*) FROM subscriptions WHERE end_reason = '{}'"
    # A few ends at the very last are still to be booked.
    for reason, cause in (("cancelled", VOLUNTARY), ("payment_failed", INVOLUNTARY)):
        happened = (town.left == cause).sum()
        assert 0 <= happened - _one(tables, ends.format(reason)) <= 5


def test_presets_are_the_ones_that_the_documents_name() -> None:
    assert (PRESETS["tiny"].accounts, PRESETS["tiny"].months) == (300, 18)
    assert (PRESETS["demo"].accounts, PRESETS["demo"].months) == (2000, 30)
