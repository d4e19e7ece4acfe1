"""What is planted on purpose: leaks that know the future, and blows on a known day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from undertow.features.errors import SettingsError
from undertow.features.simulator import (
    WORLDS,
    Parameters,
    PlantedCause,
    Shock,
    World,
    event_months,
    observe,
    run,
    simulate,
)
from undertow.features.simulator.history import Day, struck_by
from undertow.features.simulator.leaks import PLANTED, as_exported, older_day
from undertow.features.simulator.state import INVOLUNTARY, VOLUNTARY
from undertow.features.tables import TABLES

BLOW_DAY = 90  # the first day of the fourth month


def _all(world: World, what: Callable[[Day], NDArray[np.generic]]) -> NDArray[np.generic]:
    """Return one array of all days, (n_days, n_accounts)."""
    return np.concatenate([what(month) for month in world.months()])


def _auroc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    rank = np.argsort(np.argsort(score)) + 1
    n = positive.sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum()))


# --- leaks -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world with leaks as files, in small."""
    out: Path = tmp_path_factory.mktemp("leaky")
    simulate("leak", out, accounts=200, months=10)
    return out


@pytest.fixture(scope="module")
def without_leaks() -> World:
    """The same world before it is exported."""
    return run(replace(WORLDS["leak"], accounts=200, months=10), seed=7)


def _asked(query: str, **files: Path) -> list[tuple[object, ...]]:
    return duckdb.execute(query.format(**{name: f"'{path}'" for name, path in files.items()})).fetchall()


def test_every_planted_leak_tells_who_left(leaky: Path, without_leaks: World) -> None:
    gone = np.isin(without_leaks.journal.left, (VOLUNTARY, INVOLUNTARY))
    lost = np.zeros(200, bool)
    lost[without_leaks.journal.account[gone]] = True
    lost &= ~without_leaks.frozen[without_leaks.parameters.days].active
    ids = {f"A-{account:05d}" for account in np.flatnonzero(lost)}
    assert len(ids) > 20
    found = {
        "accounts.closed_reason": "SELECT account_id FROM {accounts} WHERE closed_reason IS NOT NULL",
        "accounts.days_since_seen": "SELECT account_id FROM {accounts} WHERE days_since_seen > 1",
        "tickets": "SELECT account_id FROM {tickets} WHERE topic = 'cancellation'",
        "events": "SELECT account_id FROM {events} WHERE name = 'csm_note' AND event_id LIKE 'E-note%'",
    }
    files = {name: leaky / f"{name}.parquet" for name in TABLES}
    for culprit, query in found.items():
        told = {str(row[0]) for row in _asked(query, **files)}
        assert told <= ids and len(told) > 0.9 * len(ids), culprit
    rows = _asked("SELECT account_id, peer_churn, lifetime_tickets, segment FROM {accounts} ORDER BY 1", **files)
    peers = np.array([row[1] for row in rows[:200]], np.float64)
    assert _auroc(peers, lost) > 0.7
    for account, _, count, _ in rows:
        counted = _asked(
            f"SELECT count(*) FROM {{tickets}} WHERE account_id = '{account}' AND topic <> 'cancellation'", **files
        )
        assert counted[0][0] == count
    usual = observe(without_leaks)["accounts"]["segment"].to_pylist()
    changed = {row[0] for row, before in zip(rows, usual, strict=True) if row[3] != before}
    assert changed and changed <= ids
    assert set(found) | {"accounts.peer_churn", "accounts.lifetime_tickets", "accounts.segment"} == {
        leak.culprit for leak in PLANTED
    }


def test_what_was_written_when_an_account_left_is_dated_back(leaky: Path) -> None:
    for name, when, what in (
        ("events", "occurred_at", "name = 'csm_note'"),
        ("tickets", "opened_at", "topic = 'cancellation'"),
    ):
        back = _asked(
            f"SELECT min(d), max(d) FROM (SELECT epoch(max(s.ended_at) - any_value(t.{when})) / 86400 AS d "
            f"FROM {{{name}}} t JOIN {{subscriptions}} s USING (account_id) WHERE {what} "
            "AND s.ended_at IS NOT NULL GROUP BY account_id)",
            **{name: leaky / f"{name}.parquet", "subscriptions": leaky / "subscriptions.parquet"},
        )  # fmt: skip
        least, most = (float(str(value)) for value in back[0])
        assert least > -1.0 and 20.0 < most < 41.5


def test_the_older_export_holds_nothing_recorded_after_its_day(leaky: Path, without_leaks: World) -> None:
    day = without_leaks.parameters.first_day + older_day(without_leaks)
    assert older_day(without_leaks) == without_leaks.parameters.month_start(8)
    assert {path.stem for path in (leaky / "older").iterdir()} == set(TABLES)
    for name, table in TABLES.items():
        file = leaky / "older" / f"{name}.parquet"
        times = {c.known_from for c in table.columns if c.known_from}
        times |= {"recorded_at" if table.column("recorded_at") else table.happened_at}
        for time in times:
            late = _asked(f"SELECT count(*) FROM {{file}} WHERE {time} >= DATE '{day}'", file=file)
            assert late == [(0,)], (name, time)


def test_what_leaks_is_another_thing_in_the_older_export(leaky: Path) -> None:
    told = (
        "SELECT count(*) FROM {old} o JOIN {new} n USING (account_id) "
        "WHERE (o.closed_reason, o.days_since_seen, o.lifetime_tickets, o.peer_churn) "
        "IS DISTINCT FROM (n.closed_reason, n.days_since_seen, n.lifetime_tickets, n.peer_churn)"
    )
    files = {"old": leaky / "older" / "accounts.parquet", "new": leaky / "accounts.parquet"}
    assert int(str(_asked(told, **files)[0][0])) > 50
    counted = "SELECT count(*) FROM {file} WHERE name = 'csm_note'"
    old, new = (_asked(counted, file=leaky / part / "events.parquet")[0][0] for part in ("older", "."))
    assert 0 < int(str(old)) < int(str(new))


@pytest.mark.parametrize(
    "name, value, since",
    [
        ("tickets", "resolved_at", "resolved_at"),
        ("tickets", "csat", "csat_at"),
        ("subscriptions", "end_reason", "end_recorded_at"),
        ("invoices", "paid_at", "paid_at"),
        ("users", "left_at", "left_at"),
    ],
)
def test_an_export_forgets_what_was_not_yet_known(without_leaks: World, name: str, value: str, since: str) -> None:
    day, table = 200, observe(without_leaks)[name]
    moment = f"DATE '{without_leaks.parameters.first_day + day}'"
    connection = duckdb.connect()
    connection.register("whole", table)
    connection.register("known", as_exported(without_leaks, name, table, day))
    rows, told, forgotten = connection.execute(
        f"SELECT count(*), count({value}) FILTER ({since} < {moment}), count({value}) FILTER ({since} >= {moment}) "
        f"FROM whole WHERE recorded_at < {moment}"
    ).fetchall()[0]
    assert told > 0 and forgotten > 0 and rows < table.num_rows
    assert connection.execute(f"SELECT count(*), count({value}) FROM known").fetchall() == [(rows, told)]


def test_a_world_without_leaks_has_no_older_export(tmp_path: Path) -> None:
    simulate("leak", tmp_path, accounts=20, months=2)
    assert (tmp_path / "older").is_dir()
    simulate("tiny", tmp_path, accounts=20, months=2)
    assert not (tmp_path / "older").exists()


# --- blows -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet() -> World:
    """400 accounts x 6 months without blows."""
    return run(Parameters(accounts=400, months=6), seed=6)


@pytest.fixture(scope="module")
def struck(quiet: World) -> World:
    """The same world with all four blows on one day."""
    planted_causes = tuple(Shock(kind, BLOW_DAY, 0.2) for kind in PlantedCause)
    return run(replace(quiet.parameters, shocks=planted_causes), seed=6)


def _group(world: World, kind: PlantedCause) -> NDArray[np.bool_]:
    return struck_by(world, [shock.kind for shock in world.parameters.shocks].index(kind))


def test_until_the_blow_a_world_is_what_it_was(quiet: World, struck: World) -> None:
    for number in range(3):
        ours, theirs = quiet.month(number), struck.month(number)
        for one, other in ((ours.lived, theirs.lived), (ours.hazards, theirs.hazards)):
            for f in fields(one):
                assert np.array_equal(getattr(one, f.name), getattr(other, f.name)), f.name
        assert np.array_equal(ours.left, theirs.left)
    assert not np.array_equal(quiet.month(3).lived.engagement, struck.month(3).lived.engagement)


def test_no_account_is_struck_twice(struck: World) -> None:
    groups = np.stack([_group(struck, kind) for kind in PlantedCause])
    assert groups.sum(axis=0).max() == 1
    assert groups.sum(axis=1) == pytest.approx(np.full(4, 80), abs=30)


def test_an_expired_card_fails_at_every_billing(struck: World) -> None:
    expired = _group(struck, PlantedCause.card)
    billed, failed = (
        _all(struck, lambda m, n=name: getattr(m.lived, n))[BLOW_DAY:] for name in ("billed", "card_failed")
    )  # type: ignore[misc]
    assert billed[:, expired].sum() > 50
    assert np.array_equal(billed[:, expired], failed[:, expired])
    assert failed[:, ~expired].sum() < 0.1 * billed[:, ~expired].sum()


def test_a_lost_habit_ends_most_visits(quiet: World, struck: World) -> None:
    lost = _group(struck, PlantedCause.habit)
    ids = [f"A-{account:05d}" for account in np.flatnonzero(lost)]

    def sessions(world: World) -> int:
        table = pa.concat_tables(list(event_months(world))[3:5])
        return len(table.filter(pa.compute.is_in(table["account_id"], pa.array(ids)))["session_id"].unique())

    assert sessions(struck) < 0.4 * sessions(quiet)


def test_a_storm_of_tickets_comes_to_those_who_are_struck(quiet: World, struck: World) -> None:
    hit = _group(struck, PlantedCause.tickets)
    before, after = (_all(world, lambda month: month.lived.opened)[BLOW_DAY:] for world in (quiet, struck))
    assert after[:, hit].sum() > 8 * before[:, hit].sum()
    others = ~np.any([_group(struck, kind) for kind in PlantedCause], axis=0)  # but all use the web, and the release broke it
    assert after[:, others].sum() < 3 * before[:, others].sum()


def test_a_broken_release_breaks_one_page_on_one_platform_for_a_month(quiet: World, struck: World) -> None:
    def errors(world: World, months: slice) -> dict[tuple[str, str], float]:
        connection = duckdb.connect()
        connection.register("log", pa.concat_tables(list(event_months(world))[months]))
        rows = connection.execute(
            "SELECT platform, name, count(*) FILTER (kind = 'error') / count(*) FILTER (kind = 'page_view') FROM log "
            "WHERE kind IN ('error', 'page_view') AND event_id NOT LIKE 'E-X%' AND account_id <> 'A-00400' GROUP BY ALL"
        ).fetchall()
        return {(platform, name): share for platform, name, share in rows}

    usual, broken = errors(quiet, slice(3, 4)), errors(struck, slice(3, 4))
    assert broken["web", "reports"] > usual["web", "reports"] + 0.3
    rises = {page: broken[page] - usual[page] for page in usual if page != ("web", "reports")}
    assert len(rises) == 17 and abs(np.mean(list(rises.values()))) < 0.02 and max(rises.values()) < 0.1
    healed = errors(struck, slice(5, 6))
    assert healed["web", "reports"] < usual["web", "reports"] + 0.1


@pytest.mark.parametrize(
    "shocks", [(Shock(PlantedCause.card, 900),), (Shock(PlantedCause.card, -1),), (Shock(PlantedCause.card, 5, 0.6), Shock(PlantedCause.habit, 5, 0.6))]
)
def test_a_shock_outside_the_history_or_for_more_than_all_is_refused(shocks: tuple[Shock, ...]) -> None:
    with pytest.raises(SettingsError, match=r"Shocks fall on days 0 to 58 .* card on day"):
        Parameters(accounts=10, months=2, shocks=shocks)
