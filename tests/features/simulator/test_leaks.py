"""The planted leaks: columns and rows that know the future, and an older export that does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.features.simulator.written import TABLES
from undertow.features.simulator import WORLDS, World, observe, run, simulate
from undertow.features.simulator.leaks import PLANTED, as_exported, older_day
from undertow.features.simulator.state import INVOLUNTARY, VOLUNTARY


def _auroc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    rank = np.argsort(np.argsort(score)) + 1
    n = positive.sum()
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum()))


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
